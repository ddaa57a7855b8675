//! Layer 2: typed buckets. `open` says which bucket and how, `bucket` is what can be done with it,
//! `request` one operation before it is sent, `fenced` a write of a leader, `batch` many at once,
//! `watch` follows changes, `value` is how values are written and what is read.

mod batch;
mod bucket;
mod fenced;
mod open;
mod request;
mod value;
mod watch;

pub use bucket::Bucket;
pub use open::OpenBucket;
pub use request::{KvPut, KvRemove, KvRequest};
pub use value::{Change, Entry, Removal, Removed};
pub use watch::{Watch, WatchRequest};
