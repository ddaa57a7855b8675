//! Streams: what is asked for and found, and the messages in them.
//!
//! `spec` is a stream, `drift` what changes in one, `consumer` a place in one, `message` what is stored, read and settled.

mod consumer;
mod drift;
mod message;
mod spec;

pub use consumer::{ConsumerDrift, ConsumerSpec, ConsumerStatus, DeliverFrom};
pub use drift::StreamDrift;
pub use message::{ExpectSequence, Settling, Stored, StoredMessage, StreamMessage};
pub use spec::{Discard, Retention, StreamSpec, StreamStatus};
