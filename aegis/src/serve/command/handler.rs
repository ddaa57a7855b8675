//! What a row says of a handler for a command.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::super::guard::Guard;
use super::assigned::Assigned;
use crate::model::{Failure, Names};

/// A handler for a command.
#[derive(Debug, Clone)]
pub struct CommandHandler {
    /// The name of its service, which stands in the subjects of its lanes.
    pub service: &'static str,
    /// The names of the owned arguments.
    pub arguments: Names,
    /// How often a command is tried again before it has failed; default 3.
    pub retries: Option<u32>,
    /// The wait before the first repetition and the longest one; default 1 s, doubled each time,
    /// at most 60 s.
    pub backoff: Option<(Duration, Duration)>,
    /// What is neither settled nor worked on for so long is handed to another worker; default 30 s.
    pub ack_wait: Option<Duration>,
    /// How long an attempt may take; default as long as it wants.
    pub timeout: Option<Duration>,
    /// Who may send it; default everybody. What it refuses has failed at once.
    pub guard: Option<Guard>,
    /// How many are worked on at once, on one instance; default 16.
    pub concurrency: Option<usize>,
    /// The code.
    pub call: CommandCall,
}

/// Reads the arguments, runs the method, tells how it ended.
pub type CommandCall =
    fn(Arc<dyn Any + Send + Sync>, Assigned) -> BoxFuture<'static, Result<Value, Failure>>;

impl CommandHandler {
    /// What kind of handler it is, as services describe themselves.
    pub(crate) const KIND: &'static str = "command";
}
