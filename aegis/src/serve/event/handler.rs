//! What a row says of a handler for events.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::delivered::Delivered;
use crate::model::{EventMode, EventStart, Failure};

/// A handler for events.
#[derive(Debug, Clone)]
pub struct EventHandler {
    /// The name of its service, which stands in the name of its place in the stream.
    pub service: &'static str,
    /// Which events it wants if its argument can be any, without what stands before the domain:
    /// `orders.*`. If it can be some, a pattern is only compared with their
    /// [`names`](Self::names), which the macro does.
    pub pattern: Option<&'static str>,
    /// The names of the events that its argument can be; none if it can be any.
    pub names: &'static [&'static str],
    /// Which instances get an event.
    pub mode: EventMode,
    /// With which event it begins, as long as it has no place in the stream.
    pub start: EventStart,
    /// How often an event is tried again before it is given up; default 5.
    pub retries: Option<u32>,
    /// The wait before the first repetition and the longest one; default 1 s, doubled each time,
    /// at most 60 s.
    pub backoff: Option<(Duration, Duration)>,
    /// What is neither settled nor worked on for so long is delivered again; default 30 s.
    pub ack_wait: Option<Duration>,
    /// How long an attempt may take; default as long as it wants.
    pub timeout: Option<Duration>,
    /// How many events are worked on at once, on one instance; default 64. An exclusive handler
    /// works on one.
    pub concurrency: Option<usize>,
    /// In [`Broadcast`](EventMode::Broadcast): the instance goes on where it left, also after it
    /// was away. The other modes always do.
    pub durable: bool,
    /// Whether the server confirms each acknowledgement.
    pub exactly: bool,
    /// The code.
    pub call: EventCall,
}

/// Reads the event, runs the method, tells how it ended.
pub type EventCall =
    fn(Arc<dyn Any + Send + Sync>, Delivered) -> BoxFuture<'static, Result<(), Failure>>;

impl EventHandler {
    /// What kind of handler it is, as services describe themselves.
    pub(crate) const KIND: &'static str = "subscribe";

    /// The patterns of the events that it wants, without what stands before the domain. What its
    /// argument cannot be is not delivered, however wide the pattern is.
    pub(crate) fn patterns(&self) -> Vec<&'static str> {
        match (self.names, self.pattern) {
            ([], pattern) => pattern.into_iter().collect(),
            (names, _) => names.to_vec(),
        }
    }
}
