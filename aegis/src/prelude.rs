//! What a service needs, in one line: `use aegis::prelude::*;`.

pub use crate::{
    AnyEvent, App, Call, CallError, Client, Context, ErrorKind, Event, Failure, Health, Leadership,
    Params, Priority, Progress, Result, RetryPolicy,
};
pub use aegis_macros::{
    command, exclusive_rpc, health, on_leader, on_standby, on_start, on_stop, rpc, subscribe,
};
