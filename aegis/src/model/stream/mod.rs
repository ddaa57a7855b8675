//! Streams: what is asked for and found, and the messages in them.
//!
//! `spec` is a stream, `consumer` a place in one, `message` what is stored, read and settled.

mod consumer;
mod message;
mod spec;

pub use consumer::{ConsumerDrift, ConsumerSpec, ConsumerStatus, DeliverFrom};
pub use message::{ExpectSequence, Settling, Stored, StoredMessage, StreamMessage};
pub use spec::{Discard, Retention, StreamDrift, StreamSpec, StreamStatus};
