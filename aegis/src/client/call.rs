//! One call before it is sent: what is required stands in its making, the rest is said in words.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::attempt::Prepared;
use super::core::{Client, Wire};
use super::route::Route;
use super::target::{Choice, Target};
use crate::error::{CallError, Error, ErrorKind, Result};
use crate::model::{
    Codec, DEFAULT_TIMEOUT, DomainError, InstanceId, RequestEnvelope, RetryPolicy, Select,
    TraceContext, header,
};

/// A call, sent by `.await`. Dropping the future while it waits cancels the work.
///
/// ```no_run
/// # async fn example(client: aegis::Client) -> aegis::Result<()> {
/// # use std::time::Duration;
/// # use aegis::RetryPolicy;
/// let receipt = client
///     .call("orders", "create", &serde_json::json!({"sku": "chair"}))
///     .within(Duration::from_secs(2))
///     .retry(RetryPolicy::default())
///     .idempotency_key("order-7")
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a call is sent by `.await`"]
pub struct Call<T, E> {
    prepared: Result<Prepared>,
    result: PhantomData<fn() -> Result<T, E>>,
}

impl<T, E> fmt::Debug for Call<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.prepared {
            Ok(call) => write!(f, "Call({})", call.way.route.subject),
            Err(error) => write!(f, "Call({error})"),
        }
    }
}

impl<T, E> Call<T, E> {
    /// Mistakes wait in it until it is awaited, so that a call stays one expression.
    pub(super) fn new(
        client: Client,
        way: Result<Way>,
        wire: Wire,
        encode: impl FnOnce(&Encoding<'_>) -> Result<Bytes>,
    ) -> Self {
        let prepared = way.and_then(|way| {
            let body = encode(&Encoding {
                client: &client,
                way: &way,
                wire,
            })?;
            Ok(Prepared::new(client, way, wire, body))
        });
        Self {
            prepared,
            result: PhantomData,
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Prepared) -> Result<()>) -> Self {
        self.prepared = self
            .prepared
            .and_then(|mut call| change(&mut call).map(|()| call));
        self
    }

    /// The time for everything, retries included. It travels with the call, so the service stops
    /// when it has passed. Default: the method's own timeout, else 5 s; inside a handler never
    /// more than what the call being handled has left.
    pub fn within(self, time: Duration) -> Self {
        self.with(|call| {
            call.within = Some(time);
            Ok(())
        })
    }

    /// Tries again where that is safe: always when nothing ran (no instance, `NOT_ACTIVE`,
    /// `OVERLOADED`, no connection); after a timeout, a lost connection or the end of the instance
    /// only if the method is idempotent or the call has an
    /// [idempotency key](Self::idempotency_key). An error of the service itself is never tried
    /// again: it is an answer, and what to do about it is the caller's decision
    /// ([`Failure::is_retryable`](crate::Failure::is_retryable) is the service's advice).
    ///
    /// Such a repeatable call gives each attempt an equal share of the time that is left.
    pub fn retry(self, policy: RetryPolicy) -> Self {
        self.with(|call| {
            call.retry = policy;
            Ok(())
        })
    }

    /// Asks one instance instead of any. If it is not there, nobody is asked.
    pub fn to_instance(self, instance: &str) -> Self {
        self.with(|call| {
            call.target = Target::Instance(InstanceId::parse(instance)?);
            Ok(())
        })
    }

    /// Asks an instance that is chosen, among those that the registry says are well.
    ///
    /// If it turns out to be gone, nothing ran there, and another one is asked at once; if the
    /// registry knows nobody, or cannot be asked, any instance gets the call as without this word.
    /// A retry goes to another instance if there is one. An exclusive method has one instance to
    /// choose from, the leader: there this word changes nothing.
    pub fn select(self, select: Select) -> Self {
        self.with(|call| {
            call.target = Target::Chosen(Choice::new(select));
            Ok(())
        })
    }

    /// Says that only a leader runs the method, for a call by name: as long as nobody leads, which
    /// a failover takes a moment to change, the call waits inside its time instead of failing at
    /// once. Nothing runs meanwhile. Generated clients know it.
    pub fn exclusive(self) -> Self {
        self.with(|call| {
            call.way.exclusive = true;
            Ok(())
        })
    }

    /// Adds a header; the handler reads it with `ctx.header(..)`.
    ///
    /// The framework's own (`Aegis-..`, `Nats-..`, `Content-Type`, `traceparent`) have words of
    /// their own: setting one here is an `Invalid` error.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.with(|call| match header::word_for(name) {
            Some(word) => Err(Error::new(
                ErrorKind::Invalid,
                format!("the header {name:?} is the framework's own: {word}"),
            )),
            None => call.set(name, value),
        })
    }

    /// Says what the call belongs to: it stands in the log lines of its handler, and on all that the
    /// handler sends. Inside a handler it is what that handler's work belongs to, without a word.
    pub fn correlation_id(self, id: &str) -> Self {
        self.with(|call| call.set(header::CORRELATION_ID, id))
    }

    /// Makes the call part of a trace (W3C trace context). Inside a handler it is part of the
    /// trace of the call being handled without a word.
    pub fn trace(self, trace: TraceContext) -> Self {
        self.with(|call| {
            call.trace = Some(trace);
            Ok(())
        })
    }

    /// Names this piece of work: the handler reads the key with `ctx.idempotency_key()` and makes
    /// the effect once. With a key the call may be repeated after a timeout.
    pub fn idempotency_key(self, key: &str) -> Self {
        self.with(|call| {
            call.way.repeatable = true;
            call.set(header::IDEMPOTENCY_KEY, key)
        })
    }

    /// The same call with another type of result.
    pub fn returning<U: DeserializeOwned>(self) -> Call<U, E> {
        Call {
            prepared: self.prepared,
            result: PhantomData,
        }
    }

    /// The same call with a typed error.
    pub fn failing_with<F: DomainError>(self) -> Call<T, F> {
        Call {
            prepared: self.prepared,
            result: PhantomData,
        }
    }
}

impl<T: DeserializeOwned + Send + 'static, E: DomainError> IntoFuture for Call<T, E> {
    type Output = Result<T, CallError<E>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        match self.prepared {
            Ok(mut call) => Box::pin(async move { call.send().await?.decode() }),
            Err(error) => Box::pin(std::future::ready(Err(error.into()))),
        }
    }
}

/// Which method is called, and what is known of it.
pub(super) struct Way {
    pub(super) route: Arc<Route>,
    pub(super) timeout: Option<Duration>,
    /// The time that the service assumes if a call says nothing.
    pub(super) assumed: Duration,
    /// Running it twice does no harm.
    pub(super) repeatable: bool,
    /// Only a leader runs it: while nobody leads, a call waits.
    pub(super) exclusive: bool,
}

impl Way {
    /// A method of which only the name is known.
    pub(super) fn new(route: Arc<Route>) -> Self {
        Self {
            route,
            timeout: None,
            assumed: DEFAULT_TIMEOUT,
            repeatable: false,
            exclusive: false,
        }
    }
}

/// What the making of a body needs to know.
pub(super) struct Encoding<'a> {
    client: &'a Client,
    way: &'a Way,
    wire: Wire,
}

impl Encoding<'_> {
    pub(super) fn encode<P: Serialize + ?Sized>(&self, codec: Codec, params: &P) -> Result<Bytes> {
        let encoded = match self.wire {
            Wire::Plain => codec.encode(params),
            Wire::Envelope => codec.encode(&self.envelope(params)?),
        };
        encoded.map_err(|cause| {
            let text = format!("the arguments of {} cannot be sent", self.way.route.subject);
            Error::new(ErrorKind::Encode, text).because(cause)
        })
    }

    fn envelope<P: Serialize>(&self, params: P) -> Result<impl Serialize> {
        let settings = &self.client.shared.settings;
        let trace = self.client.scope().trace.map(|trace| trace.trace_id());
        let timestamp = OffsetDateTime::now_utc()
            .format(&Rfc3339)
            .map_err(|cause| {
                Error::new(ErrorKind::Encode, "the time cannot be written").because(cause)
            })?;
        Ok(RequestEnvelope {
            message_id: uuid::Uuid::now_v7().to_string(),
            trace_id: trace.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
            correlation_id: None,
            timestamp,
            source: Some(settings.source.clone()),
            target: Some(self.way.route.service.clone()),
            method: self.way.route.method.clone(),
            params,
            timeout: self.way.timeout.unwrap_or(settings.timeout).as_secs_f64(),
        })
    }
}
