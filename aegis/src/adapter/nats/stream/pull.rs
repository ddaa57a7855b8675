//! What a consumer delivers to one reader.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::FutureExt;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::super::api::{Api, code};
use super::arrival::{self, Arrivals};
use super::config::nanoseconds;
use super::consumer::NatsConsumer;
use super::credit::{Credit, Look, QUIET, Request, Terms};
use super::failure;
use super::verdict::Verdict;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Pattern, Subject, header};
use crate::port::{
    AskMore, Bus, ConnectionState, Delivery, Message, Outgoing, Pull, Stop, Subscription,
};

/// How many of a request are left, says the server when it ends.
const PENDING: &str = "Nats-Pending-Messages";

/// The question whether a silent consumer is still there.
const ASK: Duration = Duration::from_secs(2);

/// Asks for messages, on behalf of the reader and of whoever asks for more beside it.
struct Desk {
    api: Api,
    stream: String,
    consumer: String,
    /// Where requests go.
    next: Subject,
    /// `{inbox}.`: statuses come on it, with the token of their request.
    prefix: String,
    terms: Terms,
    credit: Mutex<Credit>,
    /// As it was in the beginning.
    connection: watch::Receiver<ConnectionState>,
    /// Nobody reads any more.
    ended: AtomicBool,
    /// The reader takes what has come, and nothing more.
    stopped: AtomicBool,
}

/// Reads deliveries and what the server says beside them.
struct Reader {
    desk: Arc<Desk>,
    messages: Subscription,
    connection: watch::Receiver<ConnectionState>,
    arrivals: Arrivals,
}

/// A request that is being handed over; if that is broken off, it was not made.
struct Asking<'a> {
    desk: &'a Desk,
    request: Option<Request>,
}

pub(super) async fn begin(consumer: &NatsConsumer) -> Result<Pull> {
    let bus = &consumer.api.bus;
    let (stream, name) = (&consumer.stream, &consumer.name);
    let mut connection = bus.state();
    if *connection.borrow_and_update() != ConnectionState::Connected {
        return Err(lost(stream, name));
    }
    let inbox = bus.inbox_for(&uuid::Uuid::new_v4().simple().to_string());
    let pattern = Pattern::trusted(format!("{inbox}.*"));
    let messages = bus.subscribe(pattern, None).await?;
    let end = messages.stop_handle();
    let terms = Terms::within(consumer.limits);
    let next = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}");
    bus.watch.denials.retract(&next);
    let desk = Arc::new(Desk {
        api: consumer.api.clone(),
        stream: stream.clone(),
        consumer: name.clone(),
        next: Subject::trusted(next),
        prefix: format!("{inbox}."),
        terms,
        credit: Mutex::new(Credit::new(terms, Instant::now())),
        connection: connection.clone(),
        ended: AtomicBool::new(false),
        stopped: AtomicBool::new(false),
    });
    let reader = Reader {
        desk: desk.clone(),
        messages,
        connection,
        arrivals: Arrivals::new(consumer.settles.clone()),
    };
    let deliveries = stream::unfold(Some(reader), |reader| async {
        let mut reader = reader?;
        match reader.next().await {
            Ok(delivery) => Some((Ok(delivery), Some(reader))),
            Err(_) if reader.desk.stopped.load(Ordering::Relaxed) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    let (asker, stopper) = (desk.clone(), desk.clone());
    let stop: Stop = Arc::new(move || {
        stopper.stopped.store(true, Ordering::Relaxed);
        end()
    });
    let more: AskMore = Arc::new(move |count| {
        let desk = asker.clone();
        async move { desk.more(count).await }.boxed()
    });
    let heard = Arc::new(move || desk.credit().heard(Instant::now()));
    Ok(Pull::new(deliveries.boxed(), more, heard, stop))
}

impl Desk {
    fn credit(&self) -> MutexGuard<'_, Credit> {
        // Nothing in here can panic half-way: what a poisoned lock guards is whole.
        self.credit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing is to be asked for any more on this connection.
    fn is_over(&self) -> bool {
        let ended = [&self.ended, &self.stopped];
        ended.iter().any(|flag| flag.load(Ordering::Relaxed))
            || self.connection.has_changed().unwrap_or(true)
    }

    async fn more(&self, count: usize) -> Result<()> {
        if self.is_over() {
            return Err(lost(&self.stream, &self.consumer));
        }
        self.credit().more(count as u64);
        self.ask().await
    }

    /// Makes the requests that are due.
    async fn ask(&self) -> Result<()> {
        loop {
            let request = self.credit().due(Instant::now());
            let Some(request) = request else {
                return Ok(());
            };
            let mut asking = Asking {
                desk: self,
                request: Some(request),
            };
            self.send(request).await?;
            asking.request = None;
        }
    }

    async fn send(&self, request: Request) -> Result<()> {
        let Terms {
            expires, heartbeat, ..
        } = self.terms;
        let body = format!(
            "{{\"batch\":{},\"expires\":{},\"idle_heartbeat\":{}}}",
            request.batch,
            nanoseconds(expires),
            nanoseconds(heartbeat)
        );
        let reply = Subject::trusted(format!("{}{}", self.prefix, request.token()));
        let message = Outgoing::new(self.next.clone(), body).with_reply(reply);
        self.api.bus.publish_now(message).await
    }

    /// Hears a status, and what it means for its request.
    fn hear(&self, message: &Message) -> Result<()> {
        let text = |name| message.headers.get(name).unwrap_or_default();
        let (status, description) = (text(header::STATUS), text(header::DESCRIPTION));
        let (stream, name) = (&self.stream, &self.consumer);
        match Verdict::of(status, description) {
            Verdict::Alive => self.credit().hear(Instant::now()),
            Verdict::Ended | Verdict::Moves => {
                let token = message.subject.as_str().strip_prefix(&*self.prefix);
                let Some(request) = token.and_then(Request::parse) else {
                    return Ok(());
                };
                let pending = text(PENDING).parse().ok();
                let ended = self.credit().ended(request, pending, Instant::now());
                ended.ok_or_else(|| restless(stream, name, status, description))?;
            }
            Verdict::Gone => return Err(failure::no_consumer(stream, name)),
            Verdict::TooMany => return Err(failure::too_many(stream, name)),
            Verdict::Refused => {
                return Err(failure::no_pulling(stream, name, status, description));
            }
        }
        Ok(())
    }

    /// The error for a silence. A consumer that is removed while a request is on its way says
    /// nothing to that: so it is asked for.
    async fn silent(&self) -> Error {
        let (stream, consumer) = (&self.stream, &self.consumer);
        let what = format!("CONSUMER.INFO.{stream}.{consumer}");
        let (nothing, deadline) = (json!({}), Instant::now() + ASK);
        let found = self.api.ask::<Value>(&what, &nothing, deadline).await;
        match found {
            Ok(Err(refusal)) if code::GONE.contains(&refusal.err_code) => {
                return failure::of_consumer(stream, consumer, refusal);
            }
            Err(error) if error.kind() == ErrorKind::NoService => return error,
            _ => {}
        }
        let next = &self.next;
        Error::new(
            ErrorKind::Timeout,
            format!(
                "nothing was heard of the consumer {consumer} of the stream {stream} for \
                 {QUIET:?}: begin a new pull, and check that this user may publish on {next}"
            ),
        )
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if let Some(request) = self.request.take() {
            self.desk.credit().unsent(request);
        }
    }
}

impl Reader {
    async fn next(&mut self) -> Result<Delivery> {
        loop {
            let message = self.message().await?;
            if message.subject.as_str().starts_with(&*self.desk.prefix) {
                self.desk.hear(&message)?;
            } else if let Some(delivery) = self.delivery(message).await? {
                return Ok(delivery);
            }
        }
    }

    async fn message(&mut self) -> Result<Message> {
        loop {
            // On a new connection nothing is asked for; what has come on the old one is handed on.
            if !self.desk.is_over() {
                self.desk.ask().await?;
            }
            let look = self.desk.credit().look(Instant::now());
            let at = match look {
                Look::At(at) => at,
                // Perhaps nobody read for so long.
                Look::Silent => {
                    return match tokio::task::unconstrained(self.messages.next()).now_or_never() {
                        Some(Some(message)) => Ok(message),
                        _ => Err(self.desk.silent().await),
                    };
                }
            };
            let denials = &self.desk.api.bus.watch.denials;
            tokio::select! {
                biased;
                message = self.messages.next() => return message.ok_or_else(|| self.lost()),
                error = denials.refusal(self.desk.next.as_str()) => return Err(error),
                _ = self.connection.changed() => return Err(self.lost()),
                () = tokio::time::sleep_until(at) => {}
            }
        }
    }

    /// A message as a delivery; none if it is not one that can be settled, or that nobody asked for.
    async fn delivery(&mut self, message: Message) -> Result<Option<Delivery>> {
        let desk = &self.desk;
        let asked_for = desk.credit().delivered(Instant::now()).is_some();
        let (stream, consumer) = (&desk.stream, &desk.consumer);
        let Some(delivery) = self.arrivals.read(message, stream, consumer) else {
            if asked_for {
                desk.credit().useless();
            }
            return Ok(None);
        };
        if !asked_for {
            // A request that was taken for lost was not: somebody else may have it at once.
            arrival::hand_back(&delivery).await?;
            return Ok(None);
        }
        Ok(Some(delivery))
    }

    fn lost(&self) -> Error {
        lost(&self.desk.stream, &self.desk.consumer)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.desk.ended.store(true, Ordering::Relaxed);
    }
}

fn lost(stream: &str, consumer: &str) -> Error {
    Error::new(
        ErrorKind::Disconnected,
        format!(
            "the connection to NATS was lost or changed while the consumer {consumer} of the \
             stream {stream} was read, or the reading has ended: begin a new pull"
        ),
    )
}

fn restless(stream: &str, consumer: &str, status: &str, description: &str) -> Error {
    Error::new(
        ErrorKind::Overloaded,
        format!(
            "the consumer {consumer} of the stream {stream} ends every request at once: NATS says \
             {status} {description}; begin a new pull a little later"
        ),
    )
}
