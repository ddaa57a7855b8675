//! What a service needs, in one line: `use aegis::prelude::*;`.

pub use crate::{
    App, Call, CallError, Client, Context, ErrorKind, Failure, Params, Result, RetryPolicy,
};
pub use aegis_macros::{on_start, on_stop, rpc};
