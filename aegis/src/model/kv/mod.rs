//! Key-value values: `key` encodes texts for the wire, `filter` chooses keys, `entry` is what is
//! read and written, `spec` is a bucket as it is asked for and as it is found.

mod entry;
mod filter;
mod key;
mod spec;

pub use entry::{Expect, KvEntry, KvFence, KvOperation, KvWrite};
pub use filter::KvFilter;
pub use key::{KeyError, KvKey};
pub use spec::{BucketSpec, BucketStatus, SpecError, Storage};
pub(crate) use spec::{DEFAULT_MAX_BYTES, Differences, MARKER_TTL, Replicas, check_ttl};
