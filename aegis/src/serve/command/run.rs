//! The code of a handler for a command: run to its end, or for as long as its work is wanted.

use tokio::time::Instant;

use super::super::context::{Context, Home};
use super::super::endpoint::GRACE;
use super::super::work::Work;
use super::assigned::Assigned;
use super::begin::Begun;
use super::progress::Progress;
use super::step::Task;
use super::worker::{CommandWorker, Slot};
use crate::client::Scope;
use crate::model::{Code, Failure, TraceContext, header};
use serde_json::Value;
use std::sync::Arc;

/// What a handler returned, or the text of its panic.
pub(super) type Outcome = Result<Result<Value, Failure>, String>;

/// How the work on a command ended.
pub(super) enum End {
    /// As its code says.
    Ended(Outcome),
    /// It was told to end before its time.
    Cancelled,
    /// Its instance stops, and it was dropped.
    Stopped,
    /// Somebody else has it.
    Lost,
}

/// Why it is not wanted any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unwanted {
    Cancelled,
    Stopped,
    Lost,
    TooLong,
}

impl CommandWorker {
    /// Works on one delivery, from its beginning to its end.
    pub(super) async fn work(&self, slot: Slot) {
        let held = &slot.held;
        let Some(begun) = self.begin(held).await else {
            return;
        };
        let since = Instant::now();
        let progress = Progress::new(
            self.shared.home.client.clone(),
            begun.keeper.clone(),
            begun.attempt,
        );
        let end = if self.stopping.is_cancelled() {
            End::Stopped
        } else {
            self.run(&slot, &begun, &progress, since).await
        };
        self.settle(held, &begun, &progress, end, since).await;
    }

    async fn run(&self, slot: &Slot, begun: &Begun, progress: &Progress, since: Instant) -> End {
        let message = &slot.held.delivery.message;
        let home: &Arc<Home> = &self.shared.home;
        let trace = message.headers.get(header::TRACEPARENT);
        let scope = Scope {
            deadline: self.handler.timeout.map(|limit| since + limit),
            trace: trace.and_then(TraceContext::parse),
        };
        let context = Context::of_command(
            home.clone(),
            self.row.name,
            message.headers.clone(),
            scope,
            Task {
                keeper: begun.keeper.clone(),
                attempt: begun.attempt,
            },
        );
        let span = tracing::debug_span!(
            "command",
            service = home.service.as_str(),
            handler = self.row.name,
            instance = home.instance.as_str(),
            job = %slot.held.id,
            attempt = begun.attempt,
        );
        let assigned = Assigned::new(context.clone(), progress.clone(), message.payload.clone());
        let (call, service) = (self.handler.call, self.service.clone());
        let mut work = Work::begin(scope, span, move || call(service, assigned));
        let why = tokio::select! {
            biased;
            outcome = work.ended() => return End::Ended(outcome),
            why = self.unwanted(begun, since) => why,
        };
        context.token().cancel();
        let late = tokio::time::timeout(GRACE, work.ended()).await;
        drop(work);
        match (why, late) {
            (Unwanted::Cancelled, _) => End::Cancelled,
            (Unwanted::Lost, _) => End::Lost,
            // That it could not end is no fault of its own.
            (Unwanted::Stopped, Err(_) | Ok(Ok(Err(_)))) => End::Stopped,
            (_, Ok(outcome)) => End::Ended(outcome),
            (Unwanted::TooLong, Err(_)) => {
                let limit = self.handler.timeout.unwrap_or_default();
                let text = format!("the handler took longer than its timeout of {limit:?}");
                End::Ended(Ok(Err(Failure::framework(Code::Timeout, text))))
            }
        }
    }

    /// Becomes ready when it is not wanted any more, or takes too long.
    async fn unwanted(&self, begun: &Begun, since: Instant) -> Unwanted {
        let overtime = async {
            match self.handler.timeout {
                Some(limit) => tokio::time::sleep_until(since + limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = begun.keeper.cancel.cancelled() => Unwanted::Cancelled,
            () = begun.keeper.lost.cancelled() => Unwanted::Lost,
            () = self.shared.abort.cancelled() => Unwanted::Stopped,
            () = overtime => Unwanted::TooLong,
        }
    }
}
