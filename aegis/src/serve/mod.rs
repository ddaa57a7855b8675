//! Layer 4: how do I serve. `descriptor` is one handler as data, `table` those of one service,
//! `context` what a handler may ask, `call` one request and its state, `respond` its answer, `hook`
//! the end of a start hook, `reader` what waits, `endpoint` admission and the way of a request,
//! `answering` its answer, `builtin` the methods that every service has, `exclusive` what only a leader serves, `gate` who may run that, `once`
//! the results of work that has a key, `repeat` whether it runs, `work` the running of a handler, `guard` who may call it,
//! `cancel` calls whose callers gave up, `inboxes` where answers may go, `figures` what is counted,
//! `latency` how long it took, `load` how busy that is, `manifest` the handlers and `metadata` what
//! the service adds for the registry, `server` one service on a bus, `own_calls` what is meant for one instance, `micro` its self-description.

mod answering;
mod builtin;
mod call;
mod cancel;
mod command;
mod context;
mod descriptor;
mod endpoint;
mod event;
mod exclusive;
mod figures;
mod gate;
mod guard;
mod hook;
mod inboxes;
mod latency;
mod letter;
mod load;
mod manifest;
mod metadata;
mod micro;
mod once;
mod own_calls;
mod pauses;
mod reader;
mod repeat;
mod respond;
mod server;
mod table;
mod tally;
mod work;

pub(crate) use builtin::Tells;
pub use call::Request;
pub use command::{
    Assigned, BorrowedByCommand, CommandCall, CommandHandler, Progress, Step, command_arguments,
};
pub(crate) use context::Home;
pub use context::{Borrowed, BorrowedByLeader, Context};
pub(crate) use descriptor::Hooks;
pub use descriptor::{
    HandlerDescriptor, HandlerKind, HookFuture, RpcCall, RpcHandler, Service, Source,
};
pub(crate) use event::leadership;
pub use event::{
    BorrowedByEvent, Delivered, EventCall, EventHandler, Handled, HandledOtherwise, read_event,
};
pub(crate) use exclusive::Exclusive;
pub use guard::Guard;
pub use hook::{Started, StartedOtherwise};
pub(crate) use load::LoadMeter;
pub(crate) use manifest::manifest;
pub use metadata::Metadata;
pub(crate) use micro::About;
pub use respond::{Outcome, Reply, arguments, reply};
pub(crate) use server::{ServeSettings, Server};
pub(crate) use table::HandlerTable;
