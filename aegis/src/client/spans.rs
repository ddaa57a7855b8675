//! The spans of what is sent (OpenTelemetry's conventions for RPC and messaging).

use tracing::Span;
use tracing::field::Empty;

use super::route::Route;
use super::scope::Scope;
use crate::error::{Error, Result};
use crate::model::{Headers, TraceContext, header};
use crate::observe::{Linked, Parent, SPANS, Traced};

/// What something that is sent belongs to: what the program says of it, else where it is sent.
fn parent(said: Option<TraceContext>, scope: &Scope) -> Parent {
    match said {
        Some(_) => Parent::Remote(said, Linked::No),
        None if scope.left_out => Parent::LeftOut,
        None => Parent::Local(scope.trace),
    }
}

/// Of a call, with all its attempts.
pub(super) fn call(route: &Route, said: Option<TraceContext>, scope: &Scope) -> Traced {
    let (service, method) = (route.service.as_str(), route.method.as_str());
    Traced::new(parent(said, scope), || {
        tracing::info_span!(
            target: SPANS,
            "call",
            otel.name = %format_args!("{service}/{method}"),
            otel.kind = "client",
            rpc.system.name = "aegis",
            rpc.method = %format_args!("{service}/{method}"),
            error.r#type = Empty,
            otel.status_code = Empty,
        )
    })
}

/// Of an event, which has an id, or a command; sets the trace context that travels with it.
pub(super) fn stored(
    operation: &'static str,
    (destination, id): (&str, Option<&str>),
    headers: &mut Headers,
    scope: &Scope,
) -> Traced {
    let said = headers.get(header::TRACEPARENT);
    let said = said.and_then(TraceContext::parse);
    let traced = Traced::new(parent(said, scope), || producer(operation, destination, id));
    if let Some(trace) = traced
        .travels()
        .filter(|_| said.is_none() || traced.is_placed())
    {
        // A context is a text that a header takes.
        let _ = headers.set(header::TRACEPARENT, &trace.to_string());
    }
    traced
}

fn producer(operation: &'static str, destination: &str, id: Option<&str>) -> Span {
    tracing::info_span!(
        target: SPANS,
        "send",
        otel.name = %format_args!("{operation} {destination}"),
        otel.kind = "producer",
        messaging.system = "nats",
        messaging.operation.name = operation,
        messaging.operation.r#type = "send",
        messaging.destination.name = destination,
        messaging.message.id = id,
        error.r#type = Empty,
        otel.status_code = Empty,
    )
}

/// Notes how it ended.
pub(super) fn ended<T>(traced: &Traced, outcome: &Result<T>) {
    if let Err(error) = outcome {
        traced.failed(name(error));
    }
}

/// An error as metrics and spans name it: by the code that was answered, else by its kind.
pub(super) fn name(error: &Error) -> &str {
    let failure = error.failure();
    failure.map_or(error.kind().name(), |failure| failure.code())
}
