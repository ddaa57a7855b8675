//! The sending of a call: deadline, circuit, retries, cancellation.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::FutureExt;
use tokio::time::Instant;

use super::answer::Answer;
use super::call::Way;
use super::core::{Client, Wire};
use super::history::{End, History};
use super::layered::refused;
use super::spans;
use super::target::Target;
use crate::error::{Error, ErrorKind, Result};
use crate::layer::{Operation, OperationKind, Sent};
use crate::model::{
    Failure, Headers, InstanceId, Layout, RetryPolicy, TraceContext, deadline_header, header,
    with_timeout,
};
use crate::observe;
use crate::port::{ConnectionState, OpenCall, Outgoing};

/// Longer is the same as for ever.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// A call with everything said.
pub(super) struct Prepared {
    client: Client,
    pub(super) way: Way,
    wire: Wire,
    body: Bytes,
    pub(super) within: Option<Duration>,
    pub(super) retry: RetryPolicy,
    pub(super) target: Target,
    pub(super) headers: Headers,
    /// Instead of the trace of the call being handled; once it is sent, what travels with it.
    pub(super) trace: Option<TraceContext>,
}

impl Prepared {
    pub(super) fn new(client: Client, way: Way, wire: Wire, body: Bytes) -> Self {
        let retry = client.shared.settings.retry;
        Self {
            client,
            way,
            wire,
            body,
            within: None,
            retry,
            target: Target::Any,
            headers: Headers::new(),
            trace: None,
        }
    }

    /// Sets a header whose name is allowed.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let set = self.headers.set(name, value);
        set.map_err(|cause| Error::new(ErrorKind::Invalid, cause.to_string()))
    }

    /// Sends the call, again where that is allowed and safe, until there is an answer or the time
    /// is over.
    pub(super) async fn send(&mut self) -> Result<Answer> {
        let start = Instant::now();
        let traced = spans::call(&self.way.route, self.trace, &self.client.scope());
        self.trace = traced.travels();
        let outcome = if self.client.layers().is_empty() {
            self.attempts(start).await
        } else {
            Box::pin(self.inside_layers(start)).await
        };
        let failed = match &outcome {
            Ok(answer) => answer.failure().map(Failure::code),
            Err(error) => Some(spans::name(error)),
        };
        if let Some(kind) = failed {
            traced.failed(kind);
        }
        self.way.route.count(start.elapsed(), failed);
        outcome
    }

    async fn inside_layers(&mut self, start: Instant) -> Result<Answer> {
        let client = self.client.clone();
        let route = self.way.route.clone();
        let operation = Operation::sent(&Sent {
            kind: OperationKind::Rpc,
            service: &route.service,
            name: &route.method,
            source: &client.shared.settings.source,
            headers: &self.headers,
            deadline: self.deadline(start).ok().map(Instant::into_std),
            trace: self.trace,
        });
        let attempts = move |operation: &Operation| {
            // Moved, so that its future may hold on to it.
            let call = self;
            call.headers.clone_from(operation.headers());
            call.attempts(start).boxed()
        };
        let layers = client.layers();
        layers
            .run(operation, attempts, how_it_failed, refused)
            .await
    }

    async fn attempts(&mut self, start: Instant) -> Result<Answer> {
        let deadline = self.deadline(start)?;
        let mut attempt = 1;
        let mut leaderless = Leaderless::default();
        // An attempt whose outcome is not known: no later one makes it certain that nothing ran.
        let mut doubt: Option<Error> = None;
        let mut history = History::default();
        let mut now = start;
        loop {
            let outcome = self.attempt(attempt, now, deadline).await;
            let error = match outcome {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if !error.nothing_ran() {
                doubt = Some(error.clone());
            }
            let share = self.share(attempt, deadline.saturating_duration_since(now));
            if error.kind() == ErrorKind::Timeout {
                history.waited(share);
            }
            let made = attempt;
            let shared = self.way.repeatable && self.retry.attempts() > 1;
            let told = |error: Error, end| {
                let left = deadline.saturating_duration_since(Instant::now());
                let history = history.told(made, start.elapsed(), left, shared, end);
                doubt.clone().unwrap_or(error).adding(&history)
            };
            if !error.is_retryable(self.way.repeatable) {
                return Err(told(error, End::Final));
            }
            // Nobody leads, for a moment: that is no attempt.
            let waits = self.waits_for_a_leader(&error);
            let delay = if waits {
                leaderless.pause()
            } else if let Some(delay) = self.retry.delay(attempt, observe::chance()) {
                attempt += 1;
                self.way.route.retries.increment(1);
                delay
            } else {
                return Err(told(error, End::Policy));
            };
            if delay >= deadline.saturating_duration_since(Instant::now()) {
                if waits {
                    let history = Leaderless::history(start.elapsed());
                    return Err(doubt.unwrap_or(error).adding(&history));
                }
                return Err(told(error, End::Time));
            }
            tracing::debug!(subject = %self.way.route.subject, attempt, %error, "trying again in {delay:?}");
            Box::pin(tokio::time::sleep(delay)).await;
            now = Instant::now();
        }
    }

    /// Whether nobody leads, for a moment, or the leadership was over before the work was, which may
    /// be repeated. Who asks one instance hears of it at once.
    fn waits_for_a_leader(&self, error: &Error) -> bool {
        let shared = !matches!(self.target, Target::Instance(_));
        let passes = matches!(
            error.kind(),
            ErrorKind::NoService
                | ErrorKind::NotActive
                | ErrorKind::CircuitOpen
                | ErrorKind::OutcomeUnknown
        );
        self.way.exclusive && shared && passes
    }

    /// The end of the call's time; never after that of the call being handled.
    fn deadline(&self, start: Instant) -> Result<Instant> {
        let settings = &self.client.shared.settings;
        let time = self.within.or(self.way.timeout).unwrap_or(settings.timeout);
        // Beyond what a clock can hold there is no deadline to speak of.
        let own = start.checked_add(time.min(LONGEST)).unwrap_or(start);
        match self.client.scope().deadline {
            Some(inherited) if inherited <= start => Err(Error::new(
                ErrorKind::Cancelled,
                "the deadline of the call being handled has passed: no further call is made",
            )),
            Some(inherited) => Ok(own.min(inherited)),
            None => Ok(own),
        }
    }

    async fn attempt(&mut self, attempt: u32, now: Instant, deadline: Instant) -> Result<Answer> {
        let permit = self.way.route.permit()?;
        let share = self.share(attempt, deadline.saturating_duration_since(now));
        let last = self.retry.delay(attempt, 0.5).is_none() && !self.way.exclusive;
        // What is not needed again need not be shared: sharing costs an allocation.
        let body = if last {
            std::mem::take(&mut self.body)
        } else {
            self.body.clone()
        };
        let outcome = self.ask_one(body, share, now + share).await;
        self.way.route.report(permit, outcome.as_ref().err());
        outcome
    }

    /// Asks whom it was said to ask. Of chosen ones those that are gone are passed over: nothing
    /// ran there.
    async fn ask_one(&mut self, body: Bytes, share: Duration, until: Instant) -> Result<Answer> {
        let mut share = share;
        // There is one instance to choose from, and it alone listens on the shared subject.
        let exclusive = self.way.exclusive && matches!(self.target, Target::Chosen(_));
        if exclusive {
            return self.ask(body, share, until, None).await;
        }
        while let Target::Chosen(choice) = &self.target {
            let next = choice.next(&self.client, &self.way.route, until).await;
            let Some(instance) = next else { break };
            share = share.min(until.saturating_duration_since(Instant::now()));
            let outcome = self.ask(body.clone(), share, until, Some(&instance)).await;
            let Err(error) = &outcome else { return outcome };
            let gone = error.kind() == ErrorKind::NoService;
            if let Target::Chosen(choice) = &mut self.target {
                choice.avoid(&instance);
            }
            if !gone {
                return outcome;
            }
        }
        let own = match &self.target {
            Target::Instance(instance) => Some(instance),
            Target::Any => None,
            Target::Chosen(_) => {
                share = share.min(until.saturating_duration_since(Instant::now()));
                if share.is_zero() {
                    // Not sent: nothing may run for a caller who is gone.
                    return Err(observe::no_answer(&self.way.route.subject));
                }
                None
            }
        };
        self.ask(body, share, until, own).await
    }

    /// The time of one attempt. Only a call that may be repeated keeps some for the next one.
    fn share(&self, attempt: u32, remaining: Duration) -> Duration {
        if !self.way.repeatable {
            return remaining;
        }
        let mut left = 1;
        while left < 100 && self.retry.delay(attempt + left - 1, 0.5).is_some() {
            left += 1;
        }
        remaining / left
    }

    async fn ask(
        &self,
        body: Bytes,
        share: Duration,
        until: Instant,
        instance: Option<&InstanceId>,
    ) -> Result<Answer> {
        let bus = &self.client.shared.bus;
        let codec = self.client.shared.settings.codec;
        let message = Outgoing {
            subject: match instance {
                Some(instance) => Layout::to_instance(&self.way.route.subject, instance),
                None => self.way.route.subject.clone(),
            },
            reply: None,
            headers: self.all_headers(share),
            payload: match self.wire {
                Wire::Plain => body,
                Wire::Envelope => with_timeout(codec, &body, share),
            },
        };
        let mut open = Open {
            prepared: self,
            call: bus.new_call(),
            answered: false,
        };
        let answer = bus.request(message, &open.call, until).await;
        // After a timeout the work may still go on, or be about to begin.
        open.answered = !matches!(&answer, Err(error) if error.kind() == ErrorKind::Timeout);
        Answer::read(answer?, self.wire, codec)
    }

    /// The headers of an attempt. What the service assumes anyway is not said: a message with
    /// headers costs half as much again as one without (`docs/adr/0003-no-needless-headers.md`).
    fn all_headers(&self, share: Duration) -> Headers {
        let settings = &self.client.shared.settings;
        let mut headers = self.headers.clone();
        if share != self.way.assumed {
            headers.own(header::DEADLINE, deadline_header(share));
        }
        if let Some(trace) = self.trace {
            headers.own(header::TRACEPARENT, trace.to_string());
        }
        self.client.scope().carry(&mut headers);
        if settings.codec != crate::model::Codec::Json {
            headers.own(
                header::CONTENT_TYPE,
                settings.codec.content_type().to_owned(),
            );
        }
        if self.wire == Wire::Envelope {
            headers.own(header::VERSION, "1".to_owned());
        } else if settings.calls_say_source {
            headers.own(header::SOURCE, settings.source.clone());
        }
        headers
    }
}

/// What layers are told of an answer.
fn how_it_failed(answer: &Result<Answer>) -> Option<Failure> {
    match answer {
        Ok(answer) => answer.failure().cloned(),
        Err(error) => Some(error.as_failure()),
    }
}

/// The tries of a call while nobody leads: soon at first, then five times a second.
#[derive(Debug, Default)]
struct Leaderless {
    tries: u32,
}

impl Leaderless {
    const FIRST: Duration = Duration::from_millis(25);
    const LONGEST: Duration = Duration::from_millis(200);

    fn pause(&mut self) -> Duration {
        let pause = Self::FIRST * 2_u32.pow(self.tries.min(3));
        self.tries = self.tries.saturating_add(1);
        pause
            .min(Self::LONGEST)
            .mul_f64(0.8 + 0.4 * observe::chance())
    }

    /// What the error says that ends them.
    fn history(time: Duration) -> String {
        let time = observe::shown(time);
        format!(", for {time}: no instance leads (`aegis leader` shows why)")
    }
}

/// A call that waits. If it ends without an answer, the service is told that nobody waits.
struct Open<'a> {
    prepared: &'a Prepared,
    call: OpenCall,
    answered: bool,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let client = &self.prepared.client;
        let bus = client.bus();
        // What never left needs no end, and a message kept for the next connection helps nobody.
        let connected = || *bus.state().borrow() == ConnectionState::Connected;
        if self.answered || !self.call.was_sent() || !connected() {
            return;
        }
        let (route, reply) = (&self.prepared.way.route, bus.reply_to(&self.call));
        let subject = client.layout().cancel(&route.service, &reply);
        let bus = bus.clone();
        // Drop cannot wait; without a runtime the service's deadline ends the work.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let message = Outgoing::new(subject, Bytes::new());
                if let Err(error) = bus.publish(message).await {
                    tracing::debug!(%error, "a cancellation was not sent");
                }
            });
        }
    }
}
