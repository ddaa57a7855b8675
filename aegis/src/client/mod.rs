//! Layer 3: how do I call. `client` is what a program holds, `call` one call before it is sent,
//! `attempt` the sending with deadline, retry and breaker, `route` what is remembered of a method,
//! `history` what an error says of the attempts, `answer` what came back, `target` which instance it goes to, `scope` what calls inside a handler
//! inherit, `layered` the layers around what is sent, `spans` its spans, `stub` what generated clients use, `ask` the questions of NATS micro, `buckets` the way
//! to key-value buckets, `leaders` who leads, `made` which streams were seen, `publish` events, `observe` looks at
//! them, `dead` at those that were given up, `server` asks the server itself.

mod answer;
mod ask;
mod attempt;
mod buckets;
mod call;
mod command;
mod core;
mod dead;
mod history;
mod layered;
mod leaders;
mod made;
mod observe;
mod publish;
mod route;
mod scope;
mod server;
mod spans;
mod stub;
mod target;

pub use ask::{EndpointInfo, ServiceInfo};
pub use call::Call;
pub use command::{Command, Job, JobResult, JobUpdates, Jobs};
pub(crate) use command::{JobStore, Revised};
pub use core::Client;
pub(crate) use core::{ClientSettings, Wire};
pub use dead::DeadLetters;
pub use observe::{Observe, Observed};
pub use publish::{Publish, PublishAll, Published, PublishedAll};
pub(crate) use publish::{StreamSettings, commands, dead_letters, events};
pub(crate) use scope::Scope;
pub use stub::{Method, Stub};
