//! One request as it arrived: its encoding, its deadline, its envelope if it has one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::cancel::{Cancels, Watched};
use super::context::{Context, Home};
use super::gate::Pass;
use super::once::Ticket;
use super::respond::Reply;
use crate::client::Scope;
use crate::lease::Leadership;
use crate::model::{
    Codec, DEFAULT_TIMEOUT, Facts, Subject, TraceContext, deadline_of, header, read_facts,
};
use crate::observe::{Linked, Parent, SPANS, Traced};
use crate::port::Message;

/// A request with everything a handler's code needs: read the arguments from it, reply to it.
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) context: Context,
    pub(super) call: Arc<Incoming>,
    /// As what an exclusive handler runs.
    pub(super) leader: Option<Leadership>,
    pub(super) traced: Traced,
}

/// The span of one request (OpenTelemetry's conventions for RPC).
fn span(home: &Home, method: &'static str) -> tracing::Span {
    let service = home.service.as_str();
    tracing::info_span!(
        target: SPANS,
        "rpc",
        otel.name = %format_args!("{service}/{method}"),
        otel.kind = "server",
        rpc.system.name = "aegis",
        rpc.method = %format_args!("{service}/{method}"),
        service.instance.id = home.instance.as_str(),
        error.r#type = tracing::field::Empty,
        otel.status_code = tracing::field::Empty,
    )
}

impl Request {
    /// The leadership that an exclusive handler runs under; none in any other one.
    pub fn leadership(&self) -> Option<&Leadership> {
        self.leader.as_ref()
    }

    /// What the handler may ask about the call.
    pub fn context(&self) -> &Context {
        &self.context
    }
}

/// The body of a request, and how to answer it.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) codec: Codec,
    pub(super) body: Bytes,
    pub(super) envelope: Option<Facts>,
    /// The peer understands the fields beyond `AegisSDK` 1.0.
    pub(super) extended: bool,
    pub(super) service: Arc<Home>,
}

impl Request {
    pub(super) fn read(
        message: Message,
        home: &Arc<Home>,
        method: &'static str,
        limit: Option<Duration>,
        arrived: Instant,
    ) -> Self {
        let Message {
            headers, payload, ..
        } = message;
        let codec = Codec::detect(headers.get(header::CONTENT_TYPE), &payload);
        let envelope = read_facts(codec, &payload);
        let asked = headers
            .get(header::DEADLINE)
            .and_then(deadline_of)
            .or(envelope.as_ref().and_then(|facts| facts.timeout));
        let allowed = match (asked, limit) {
            (Some(asked), Some(limit)) => asked.min(limit),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => DEFAULT_TIMEOUT,
        };
        let came = headers.get(header::TRACEPARENT);
        let parent = Parent::Remote(came.and_then(TraceContext::parse), Linked::No);
        let traced = Traced::new(parent, || span(home, method));
        let scope = Scope {
            // Beyond what the clock can hold there is no deadline to speak of.
            deadline: arrived.checked_add(allowed),
            trace: traced.context,
            left_out: traced.left_out,
            carried: Scope::carried(&headers),
        };
        let extended = headers.get(header::VERSION).is_some();
        let said = headers.get(header::SOURCE).map(str::to_owned);
        let source = said.or_else(|| envelope.as_ref().and_then(|facts| facts.source.clone()));
        let call = Incoming {
            codec,
            body: payload,
            envelope,
            extended,
            service: home.clone(),
        };
        let context = Context::new(home.clone(), method, headers, scope, source);
        Self {
            context,
            call: Arc::new(call),
            leader: None,
            traced,
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        let far = Instant::now() + Duration::from_secs(24 * 3600);
        self.context.state.scope.deadline.unwrap_or(far)
    }
}

/// One request on its way through.
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) reply_to: Subject,
    pub(super) arrived: Instant,
    /// What let it in, if its handler is exclusive.
    pub(super) pass: Option<Pass>,
    /// What lets it run once, if it also has a key.
    pub(super) ticket: Option<Ticket>,
    /// What came of it before, and is told again: inside the layers, as any other answer.
    pub(super) stored: Option<Reply>,
    /// It is told again: that was true already.
    pub(super) is_repeated: bool,
    /// From before it waits for anything, so that no cancellation is missed.
    pub(super) watched: Option<Watched>,
}

impl Job {
    /// It is exclusive work that shall have its effect once.
    pub(super) fn has_a_key(&self) -> bool {
        self.pass.is_some() && self.request.context.idempotency_key().is_some()
    }

    /// From now on a cancellation reaches the handler: on the subject that the caller names, else
    /// on the one that belongs to its reply subject.
    pub(super) fn watch(&mut self, cancels: &Arc<Cancels>) {
        let context = &self.request.context;
        let home = &self.request.call.service;
        let assumed = || {
            let layout = home.client.layout();
            layout
                .cancel(home.service.as_str(), self.reply_to.as_str())
                .to_string()
        };
        let subject = context
            .header(header::CANCEL)
            .map_or_else(assumed, str::to_owned);
        self.watched = Some(cancels.watch(subject, context.token()));
    }
}
