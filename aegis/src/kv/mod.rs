//! Layer 2: typed buckets. `open` says which bucket and how, `bucket` is what can be done with it,
//! `request` one operation before it is sent, `fenced` a write of a leader, `batch` many at once,
//! `watch` follows changes, `value` is how values are written and what is read. On top of them `inbox`
//! makes effects happen once, `checkpoint` keeps a leader's state with its position, and `failure` is
//! what both answer when a bucket does not.

mod batch;
mod bucket;
mod checkpoint;
mod failure;
mod fenced;
mod inbox;
mod open;
mod request;
mod value;
mod watch;

pub use bucket::Bucket;
pub use checkpoint::{Applied, Checkpoint, OpenCheckpoint};
use failure::failed;
pub use inbox::{Effect, Inbox, Once, OpenInbox};
pub use open::OpenBucket;
pub use request::{KvPut, KvRemove, KvRequest};
pub use value::{Change, Entry, Removal, Removed};
pub use watch::{Watch, WatchRequest};
