//! Jobs that are to end before their time: whoever works on one hears it.

use std::sync::Arc;

use super::worker::CommandWorker;
use crate::port::Subscription;

/// Reads `jobs.*.cancel`.
pub(in super::super) async fn read_cancels(
    mut messages: Subscription,
    workers: Vec<Arc<CommandWorker>>,
) {
    while let Some(message) = messages.next().await {
        let subject = message.subject.as_str();
        let Some(id) = subject.rsplit('.').nth(1) else {
            continue;
        };
        for worker in &workers {
            worker.cancel(id).await;
        }
    }
}
