//! Events, looked at from outside: nothing is handled, nothing is remembered.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::{BoxStream, StreamExt, unfold};
use time::OffsetDateTime;
use tokio::time::Instant;

use super::core::Client;
use super::publish::events;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    AnyEvent, ConsumerSpec, DeliverFrom, EventSource, Layout, NameError, Pattern, RetryPolicy,
    Settling,
};
use crate::observe;
use crate::port::{ConnectionState, Delivery, Pull, Streams};

/// Events that are on their way to one observer at once.
const WINDOW: usize = 256;
/// The server forgets an observer that is away for so long; it goes on by itself.
const AWAY: Duration = Duration::from_secs(30);
/// How long one question to the server may take.
const WITHIN: Duration = Duration::from_secs(5);

/// Events to look at, before they are.
///
/// ```no_run
/// # async fn example(client: aegis::Client) -> aegis::Result<()> {
/// let mut events = client.observe("orders.>").all().open().await?;
/// while let Some(event) = events.next().await {
///     let event = event?;
///     println!("{} {} {:?}", event.sequence(), event.name(), event.payload());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "it looks at nothing before `.open().await`"]
pub struct Observe {
    client: Client,
    pattern: std::result::Result<Pattern, NameError>,
    from: DeliverFrom,
}

impl Client {
    /// Looks at the events whose names match a pattern (`orders.created`, `orders.*`, `>`), from now
    /// on if nothing else is said. Other than a handler it leaves no trace: no place in the stream,
    /// no repetition.
    pub fn observe(&self, pattern: &str) -> Observe {
        let checked = NameError::event_pattern(pattern);
        Observe {
            client: self.clone(),
            pattern: checked.map(|()| self.layout().event_pattern(pattern)),
            from: DeliverFrom::New,
        }
    }
}

impl Observe {
    /// From the oldest event that the stream holds.
    pub fn all(self) -> Self {
        let from = DeliverFrom::All;
        Self { from, ..self }
    }

    /// From this number in the stream, or the next one that it holds.
    pub fn from_sequence(self, sequence: u64) -> Self {
        let from = DeliverFrom::Sequence(sequence);
        Self { from, ..self }
    }

    /// From what was published at this time or later, by the server's clock.
    pub fn since(self, time: OffsetDateTime) -> Self {
        let from = DeliverFrom::Time(time);
        Self { from, ..self }
    }

    /// Begins. After a lost connection it goes on behind the last event; it ends only when the client
    /// is closed.
    ///
    /// Errors: `Invalid` for a pattern that is none, `NoService` if there is no JetStream, `Denied`.
    pub async fn open(self) -> Result<Observed> {
        let Self {
            client,
            pattern,
            from,
        } = self;
        let mut observer = Observer {
            stream: client.layout().stream("EVENTS"),
            client,
            pattern: pattern?,
            from,
            made: None,
            consumer: None,
            pull: None,
            asked: 0,
            failures: 0,
        };
        observer.begin().await?;
        let events = unfold(observer, |mut observer| async {
            let event = observer.next().await?;
            Some((event, observer))
        });
        Ok(Observed {
            events: events.boxed(),
        })
    }
}

struct Observer {
    client: Client,
    stream: String,
    pattern: Pattern,
    /// Behind what was seen, once anything was.
    from: DeliverFrom,
    /// When the stream was made that it looks at: one made anew counts from the beginning.
    made: Option<OffsetDateTime>,
    /// The name of the consumer that it has, or had.
    consumer: Option<String>,
    pull: Option<Pull>,
    asked: usize,
    failures: u32,
}

impl Observer {
    /// Makes a consumer, and the stream if nobody has yet. Each beginning has one of its own: what
    /// was delivered to the last one, and got lost, would come again late and out of order.
    async fn begin(&mut self) -> Result<()> {
        let streams: &Arc<dyn Streams> = self.client.streams();
        let deadline = Instant::now() + WITHIN;
        let found = streams.status(&self.stream, deadline).await?;
        let status = if let Some(found) = found {
            found
        } else {
            let spec = events(self.client.layout(), self.client.stream_settings());
            streams.ensure(spec, deadline).await?
        };
        if self.made.is_some_and(|made| made != status.created) {
            self.from = DeliverFrom::All;
        } else if self.from == DeliverFrom::New {
            // Also if the connection is lost before anything was seen.
            self.from = DeliverFrom::Sequence(status.last_sequence + 1);
        }
        self.made = Some(status.created);
        let name = format!("observer-{}", uuid::Uuid::new_v4().simple());
        let mut spec = ConsumerSpec::new(name.clone());
        spec.filters = vec![self.pattern.clone()];
        spec.from = self.from;
        spec.in_memory = true;
        spec.inactive_threshold = Some(AWAY);
        let last = self.consumer.replace(name);
        let consumer = streams.consumer(&self.stream, spec, deadline).await?;
        if let Some(last) = last {
            // The server would forget it by itself.
            let _ = streams.remove_consumer(&self.stream, &last, deadline).await;
        }
        let pull = consumer.pull().await?;
        pull.more(WINDOW).await?;
        self.asked = WINDOW;
        self.pull = Some(pull);
        Ok(())
    }

    /// The next event; none when the client was closed.
    async fn next(&mut self) -> Option<Result<AnyEvent>> {
        loop {
            let failed = match self.delivery().await {
                Ok(delivery) => {
                    self.failures = 0;
                    if self.is_new(delivery.sequence) {
                        self.from = DeliverFrom::Sequence(delivery.sequence + 1);
                        return Some(Ok(seen(self.client.layout(), &delivery)));
                    }
                    continue;
                }
                Err(error) => error,
            };
            self.pull = None;
            if *self.client.connection().borrow() == ConnectionState::Closed {
                return None;
            }
            let denied = matches!(failed.kind(), ErrorKind::Denied | ErrorKind::Config);
            let pause = RetryPolicy::default().max_attempts(u32::MAX);
            let pause = pause.delay(self.failures + 1, observe::chance());
            self.failures += 1;
            tokio::time::sleep(pause.unwrap_or(WITHIN)).await;
            if denied {
                return Some(Err(failed));
            }
        }
    }

    /// Who looks slowly gets again what waits here already.
    fn is_new(&self, sequence: u64) -> bool {
        match self.from {
            DeliverFrom::Sequence(from) => sequence >= from,
            _ => true,
        }
    }

    async fn delivery(&mut self) -> Result<Delivery> {
        if self.pull.is_none() {
            self.begin().await?;
        }
        let ended = || Error::new(ErrorKind::Disconnected, "the events ended without a reason");
        let pull = self.pull.as_mut().ok_or_else(ended)?;
        if self.asked <= WINDOW / 2 {
            pull.more(WINDOW - self.asked).await?;
            self.asked = WINDOW;
        }
        let delivery = pull.next().await.unwrap_or_else(|| Err(ended()))?;
        self.asked -= 1;
        delivery.settle(Settling::Ack).await?;
        Ok(delivery)
    }
}

fn seen(layout: &Layout, delivery: &Delivery) -> AnyEvent {
    let message = &delivery.message;
    let subject = message.subject.as_str();
    let place = EventSource {
        sequence: delivery.sequence,
        stored: delivery.stored,
        attempt: delivery.attempt,
    };
    let name = layout.event_name(subject).unwrap_or(subject);
    AnyEvent::read(
        name,
        message.headers.clone(),
        message.payload.clone(),
        place,
    )
}

/// Events, one after the other, as a stream. Dropping it ends it.
///
/// An error in it (such as `Denied`) does not end it: it tries again when it is asked again.
pub struct Observed {
    events: BoxStream<'static, Result<AnyEvent>>,
}

impl Observed {
    /// The next event; none when the client was closed.
    #[expect(
        clippy::should_implement_trait,
        reason = "the name that streams give it"
    )]
    pub fn next(&mut self) -> impl Future<Output = Option<Result<AnyEvent>>> + '_ {
        std::future::poll_fn(move |cx| self.events.as_mut().poll_next(cx))
    }
}

impl Stream for Observed {
    type Item = Result<AnyEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed").finish_non_exhaustive()
    }
}
