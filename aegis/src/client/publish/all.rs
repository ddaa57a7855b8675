//! Many events, sent without waiting for each.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, FutureExt, poll_fn, ready};
use futures_util::stream::{FuturesOrdered, StreamExt};

use tokio::task::unconstrained;

use super::super::core::Client;
use super::again::{PUBLISH, count};
use super::word::{Publish, Published};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Event;

/// Events on their way at once, if nothing is said.
const WINDOW: usize = 512;

/// Names an event.
type IdOf<'a, E> = Box<dyn Fn(&E) -> String + Send + Sync + 'a>;

/// Events to publish, many on their way at once; sent by `.await`.
///
/// ```no_run
/// # use aegis::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Debug, Serialize, Deserialize, aegis::Event)]
/// # #[event("orders.created")]
/// # struct OrderCreated { id: String }
/// # async fn example(client: aegis::Client, events: Vec<OrderCreated>) -> aegis::Result<()> {
/// let published = client.publish_all(&events).id_of(|event| event.id.clone()).await.all()?;
/// assert_eq!(published.len(), events.len());
/// # Ok(())
/// # }
/// ```
#[must_use = "events are published by `.await`"]
pub struct PublishAll<'a, E> {
    client: Client,
    events: &'a [E],
    id_of: Option<IdOf<'a, E>>,
    within: Option<Duration>,
    window: usize,
}

impl<E> std::fmt::Debug for PublishAll<'_, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublishAll")
            .field("events", &self.events.len())
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Publishes many events without waiting for each: up to 512 are on their way at once. They are
    /// stored in their order, unless one of them has to be sent again. A layer of the client that keeps
    /// one back keeps back those behind it.
    ///
    /// It is no transaction: some may be stored and others not, which the outcome tells of each.
    ///
    /// Once an event was not published because of the connection, the time or the server
    /// (`Disconnected`, `Timeout`, `NoService`, `Overloaded`, `Denied`), no other one is begun: those
    /// on their way end, and all behind them fail with the same kind and were not sent. So the whole
    /// ends at most one [`within`](PublishAll::within) after the first such failure.
    pub fn publish_all<'a, E: Event>(&self, events: &'a [E]) -> PublishAll<'a, E> {
        PublishAll {
            client: self.clone(),
            events,
            id_of: None,
            within: None,
            window: WINDOW,
        }
    }
}

impl<'a, E: Event> PublishAll<'a, E> {
    /// Names each event: see [`Publish::id`]. With ids of your own the whole may be published again
    /// after a failure, and nothing is stored twice inside the stream's window.
    pub fn id_of(self, id_of: impl Fn(&E) -> String + Send + Sync + 'a) -> Self {
        Self {
            id_of: Some(Box::new(id_of)),
            ..self
        }
    }

    /// The time of each event, from when it is begun: see [`Publish::within`]. The whole takes as
    /// long as events are stored, and ends at most this time after the first one that was not
    /// ([`publish_all`](Client::publish_all)); put it into a `tokio::time::timeout` for a hard limit,
    /// after which any of them may be stored.
    pub fn within(self, time: Duration) -> Self {
        Self {
            within: Some(time),
            ..self
        }
    }

    /// How many are on their way at once; 0 counts as 1. Default 512.
    pub fn window(self, events: usize) -> Self {
        Self {
            window: events.max(1),
            ..self
        }
    }

    /// It notes when it is being sent.
    fn one(&self, event: &E, begun: Option<Arc<AtomicBool>>) -> Publish {
        let publish = self.client.publish(event);
        let mut publish = publish.with(|prepared| {
            prepared.begun = begun;
            Ok(())
        });
        if let Some(id_of) = &self.id_of {
            publish = publish.id(&id_of(event));
        }
        match self.within {
            Some(time) => publish.within(time),
            None => publish,
        }
    }

    async fn send(self) -> PublishedAll {
        let mut outcomes = Vec::with_capacity(self.events.len());
        let stopped = OnceLock::new();
        let is_layered = !self.client.layers().is_empty();
        let mut sending = FuturesOrdered::new();
        for event in self.events {
            if sending.len() >= self.window {
                outcomes.extend(sending.next().await);
            }
            if stopped.get().is_some() {
                break;
            }
            // The first step hands it over, so they go in order: it is not to be put off.
            tokio::task::consume_budget().await;
            let begun = is_layered.then(Arc::<AtomicBool>::default);
            let one = self.one(event, begun.clone()).send();
            let mut one = one.inspect(|outcome| note(&stopped, outcome)).boxed();
            let step = poll_fn(|cx| Poll::Ready(unconstrained(&mut one).poll_unpin(cx)));
            let mut ended = step.await;
            // A layer may keep it back: the one behind it waits, those before it go on.
            while ended.is_pending()
                && let Some(begun) = begun.as_deref().filter(|begun| !begun.load(Relaxed))
            {
                tokio::select! {
                    biased;
                    Some(outcome) = sending.next() => outcomes.push(outcome),
                    step = step_of(&mut one, begun) => ended = step,
                }
            }
            sending.push_back(match ended {
                Poll::Ready(outcome) => Either::Left(ready(outcome)),
                Poll::Pending => Either::Right(one),
            });
        }
        while let Some(outcome) = sending.next().await {
            outcomes.push(outcome);
        }
        if let Some(kind) = stopped.get() {
            for _ in outcomes.len()..self.events.len() {
                let outcome = Err(unsent::<E>(*kind));
                count(PUBLISH, &outcome);
                outcomes.push(outcome);
            }
        }
        let named = self.id_of.is_some();
        PublishedAll { outcomes, named }
    }
}

/// Ends when it has ended, or is being sent.
async fn step_of<T>(one: &mut BoxFuture<'_, T>, begun: &AtomicBool) -> Poll<T> {
    // The step that hands it over is not to be put off either.
    let step = |cx: &mut Context<'_>| match unconstrained(&mut *one).poll_unpin(cx) {
        Poll::Pending if !begun.load(Relaxed) => Poll::Pending,
        step => Poll::Ready(step),
    };
    poll_fn(step).await
}

/// Notes a failure that those behind it would share.
fn note(stopped: &OnceLock<ErrorKind>, outcome: &Result<Published>) {
    use ErrorKind as K;
    let kind = outcome.as_ref().err().map(Error::kind);
    let shared = [
        K::Disconnected,
        K::Timeout,
        K::NoService,
        K::Overloaded,
        K::Denied,
    ];
    if let Some(kind) = kind.filter(|kind| shared.contains(kind)) {
        stopped.get_or_init(|| kind);
    }
}

/// Of an event that was not begun.
fn unsent<E: Event>(kind: ErrorKind) -> Error {
    let name = E::NAME;
    let text = format!("the event {name} was not sent: an event before it was not published");
    Error::new(kind, text).before_sending()
}

impl<'a, E: Event> IntoFuture for PublishAll<'a, E> {
    type Output = PublishedAll;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// What became of many events, in their order.
#[derive(Debug)]
#[must_use = "some may not be published: ask for `.all()?`, or look at `.failed()`"]
pub struct PublishedAll {
    outcomes: Vec<Result<Published>>,
    /// Their ids were given, so all may be published again.
    named: bool,
}

impl PublishedAll {
    /// Each of them, if all were published. Errors: of the kind of the first one that was not, with
    /// how many were not and how many of those may be stored nevertheless
    /// ([`was_sent`](Error::was_sent) tells whether any may); that of the first one is its cause.
    pub fn all(self) -> Result<Vec<Published>> {
        let Some((_, first)) = self.failed().next() else {
            return self.outcomes.into_iter().collect();
        };
        let all = self.outcomes.len();
        let (failed, perhaps) = self.failed().fold((0, 0), |(failed, perhaps), (_, error)| {
            (failed + 1, perhaps + usize::from(error.was_sent()))
        });
        let way = if self.named {
            "once that is put right, publish the whole again under the same ids"
        } else {
            "`.failed()` tells which; with ids of your own (`.id_of(..)`) the whole may be \
             published again"
        };
        let text = format!(
            "{failed} of {all} events were not published, {perhaps} of them may be stored \
             nevertheless; {way}: {first}"
        );
        let told = Error::new(first.kind(), text).because(first.clone());
        Err(if perhaps > 0 {
            told.after_sending()
        } else {
            told.before_sending()
        })
    }

    /// Those that were not published: the place in what was given, and why.
    pub fn failed(&self) -> impl Iterator<Item = (usize, &Error)> {
        let all = self.outcomes.iter().enumerate();
        all.filter_map(|(at, outcome)| outcome.as_ref().err().map(|error| (at, error)))
    }

    /// What became of each, in the order of what was given.
    pub fn outcomes(&self) -> &[Result<Published>] {
        &self.outcomes
    }
}
