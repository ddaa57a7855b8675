//! Events, published: `word` is one event before it is sent, `all` many of them, `send` the sending
//! of one, `again` that of any message until the stream holds it, `fence` the fence of a leader in a stream, `streams` the
//! framework's own streams.

mod again;
mod all;
mod fence;
mod send;
mod streams;
mod word;

pub(super) use again::{SEND, Storing, count, in_time, until_held, waits};
pub use all::{PublishAll, PublishedAll};
pub(crate) use streams::{StreamSettings, commands, dead_letters, events};
pub use word::{Publish, Published};
