//! Layer 1: what we ask of the outside, as small traits that are held as `Arc<dyn ..>`.

mod bus;
mod kv;
mod stream;

pub use bus::{Answer, Bus, ConnectionState, Message, OpenCall, Outgoing, Stop, Subscription};
pub use kv::{KvBucket, KvEvent, KvFeatures, KvScan, KvStore, KvWatch, WatchFrom, WatchHealth};
pub use stream::{AskMore, Consumer, Delivery, Pull, Settle, StreamFeatures, Streams, Wanted};

pub use crate::model::{
    BucketSpec, BucketStatus, Expect, KeyError, KvEntry, KvFence, KvFilter, KvKey, KvOperation,
    KvWrite, SpecError, Storage,
};
pub use crate::model::{
    ConsumerDrift, ConsumerSpec, ConsumerStatus, DeliverFrom, Discard, ExpectSequence, Retention,
    Settling, Stored, StoredMessage, StreamDrift, StreamMessage, StreamSpec, StreamStatus,
};
