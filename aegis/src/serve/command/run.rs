//! The code of a handler for a command: run to its end, or for as long as its work is wanted.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;

use super::super::context::{Context, Home};
use super::super::endpoint::GRACE;
use super::super::guard::guarded;
use super::super::work::{InsideLayers, Work};
use super::assigned::Assigned;
use super::begin::Begun;
use super::progress::Progress;
use super::step::Task;
use super::worker::{CommandWorker, Slot};
use crate::client::Scope;
use crate::layer::OperationKind;
use crate::model::{Code, Failure, TraceContext, header};
use crate::observe::{Parent, SPANS, Traced};

/// What a handler returned, or the text of its panic.
pub(super) type Outcome = Result<Ended, String>;
type Ended = Result<Value, Failure>;

/// How the work on a command ended.
pub(super) enum End {
    /// As its code says.
    Ended(Outcome),
    /// It was told to end before its time; if it came to an end all the same, with this.
    Cancelled(Value),
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
        let delivery = &slot.held.delivery;
        let trace = delivery.message.headers.get(header::TRACEPARENT);
        let trace = trace.and_then(TraceContext::parse);
        let parent = Parent::delivered(trace, delivery.attempt);
        let traced = Traced::new(parent, || self.span(slot, begun));
        let context = self.context(slot, begun, &traced, since);
        let asked = self.handler.guard.map(|guard| guarded(guard, &context));
        let end = if let Some(Err(failure)) = asked {
            End::Ended(Ok(Err(failure.terminal())))
        } else {
            let body = slot.held.delivery.message.payload.clone();
            let assigned = Assigned::new(context.clone(), progress.clone(), body);
            let work = self.start(assigned, begun, traced.span.clone());
            self.finish(work, &context, begun, since).await
        };
        match &end {
            End::Ended(Ok(Ok(_))) => {}
            End::Ended(Ok(Err(failure))) => traced.failed(failure.code()),
            End::Ended(Err(_)) => traced.failed(Code::Internal.text()),
            End::Cancelled(_) | End::Stopped | End::Lost => traced.failed(Code::Cancelled.text()),
        }
        end
    }

    /// The span of one attempt (OpenTelemetry's conventions for messaging).
    fn span(&self, slot: &Slot, begun: &Begun) -> tracing::Span {
        let home = &self.shared.home;
        let (service, command) = (home.service.as_str(), self.row.name);
        let id = slot.held.id.as_str();
        let said = slot
            .held
            .delivery
            .message
            .headers
            .get(header::CORRELATION_ID);
        tracing::info_span!(
            target: SPANS,
            "command",
            otel.name = %format_args!("process {service}.{command}"),
            otel.kind = "consumer",
            messaging.system = "nats",
            messaging.operation.name = "process",
            messaging.operation.r#type = "process",
            messaging.destination.name = %format_args!("{service}.{command}"),
            messaging.consumer.group.name = %format_args!("{service}__{command}"),
            messaging.message.id = id,
            messaging.message.conversation_id = said.unwrap_or(id),
            aegis.attempt = begun.attempt,
            service.instance.id = home.instance.as_str(),
            error.r#type = tracing::field::Empty,
            otel.status_code = tracing::field::Empty,
        )
    }

    fn context(&self, slot: &Slot, begun: &Begun, traced: &Traced, since: Instant) -> Context {
        let headers = &slot.held.delivery.message.headers;
        let scope = Scope {
            deadline: self.handler.timeout.map(|limit| since + limit),
            trace: traced.context,
            left_out: traced.left_out,
            carried: Some(Scope::belonging(headers, slot.held.id.as_str())),
        };
        let task = Task {
            keeper: begun.keeper.clone(),
            attempt: begun.attempt,
        };
        let home: &Arc<Home> = &self.shared.home;
        Context::of_command(home.clone(), self.row.name, headers.clone(), scope, task)
    }

    /// Starts the code, inside the layers.
    fn start(&self, assigned: Assigned, begun: &Begun, span: tracing::Span) -> Work<Ended> {
        let context = assigned.context().clone();
        let (call, service) = (self.handler.call, self.service.clone());
        let work = move || call(service, assigned);
        let layers = self.shared.home.client.layers();
        if layers.is_empty() {
            return Work::begin(&context, span, work);
        }
        let work = InsideLayers {
            layers: layers.clone(),
            operation: context.operation(OperationKind::Command, begun.attempt),
            work,
            failure: |ended: &Ended| ended.as_ref().err().cloned(),
            refusal: |failure, _| Err(failure),
        };
        Work::begin(&context, span, move || work.run())
    }

    /// Waits for it, as long as its work is wanted.
    async fn finish(
        &self,
        mut work: Work<Ended>,
        context: &Context,
        begun: &Begun,
        since: Instant,
    ) -> End {
        let why = tokio::select! {
            biased;
            outcome = work.ended() => return End::Ended(outcome),
            why = self.unwanted(begun, since) => why,
        };
        context.token().cancel();
        let late = tokio::time::timeout(GRACE, work.ended()).await;
        drop(work);
        match (why, late) {
            (Unwanted::Cancelled, Ok(Ok(Ok(result)))) => End::Cancelled(result),
            (Unwanted::Cancelled, _) => End::Cancelled(Value::Null),
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
