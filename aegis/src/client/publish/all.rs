//! Many events, sent without waiting for each.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{Either, FutureExt, poll_fn, ready};
use futures_util::stream::{FuturesOrdered, StreamExt};

use tokio::task::unconstrained;

use super::super::core::Client;
use super::word::{Publish, Published};
use crate::error::{Error, Result};
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
    /// stored in their order, unless one of them has to be sent again.
    ///
    /// It is no transaction: some may be stored and others not, which the outcome tells of each.
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

    /// The time for each event: see [`Publish::within`].
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

    fn one(&self, event: &E) -> Publish {
        let mut publish = self.client.publish(event);
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
        let mut sending = FuturesOrdered::new();
        for event in self.events {
            if sending.len() >= self.window {
                outcomes.extend(sending.next().await);
            }
            // The first step hands it over, so they go in order: it is not to be put off.
            tokio::task::consume_budget().await;
            let mut one = self.one(event).send().boxed();
            let step = poll_fn(|cx| Poll::Ready(unconstrained(&mut one).poll_unpin(cx)));
            let ended = step.await;
            sending.push_back(match ended {
                Poll::Ready(outcome) => Either::Left(ready(outcome)),
                Poll::Pending => Either::Right(one),
            });
        }
        while let Some(outcome) = sending.next().await {
            outcomes.push(outcome);
        }
        PublishedAll { outcomes }
    }
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
}

impl PublishedAll {
    /// Each of them, if all were published. Errors: that of the first one that was not; others may
    /// be stored.
    pub fn all(self) -> Result<Vec<Published>> {
        self.outcomes.into_iter().collect()
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
