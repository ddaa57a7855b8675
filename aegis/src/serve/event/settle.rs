//! How a delivery ends: done with, tried again later, or given up.

use std::time::Duration;

use tokio::time::Instant;

use super::super::letter::{From, letter, note};
use super::figures::Ended;
use super::worker::{Held, Job, Outcome, Worker};
use crate::error::{Error, Result};
use crate::model::{AnyEvent, EventSource, Failure, Layout, Settling, Verdict, header, verdict};
use crate::observe;
use crate::port::Delivery;

/// A question that is not answered for so long is asked again.
const ASKED: Duration = Duration::from_secs(1);
/// What could not be noted as a dead letter is tried again after the longest wait of its handler,
/// within these bounds.
const UNBURIED: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];
/// How long one question to the server may take.
const WITHIN: Duration = Duration::from_secs(5);

impl Worker {
    /// Settles a delivery whose work has ended.
    pub(super) async fn settle(&self, job: Job, outcome: Outcome) {
        let failure = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(failure),
            Err(panic) => {
                tracing::error!(handler = self.row.handler(), source = %self.row.source, panic, "a handler panicked");
                Some(Failure::internal(format!("the handler panicked: {panic}")))
            }
        };
        if let Some(failure) = &failure {
            job.traced.failed(failure.code());
        }
        let held = &job.held;
        let delivery = &held.delivery;
        let outcome = failure.as_ref().map_or(Ok(()), Err);
        let verdict = verdict(outcome, delivery.attempt, &self.policy, observe::chance());
        let ended = match (verdict, failure) {
            (Verdict::Again(after), Some(failure)) => {
                self.again(held, after, &failure).await;
                Ended::Again
            }
            (Verdict::Dead, Some(failure)) => self.bury(held, failure).await,
            _ => {
                self.whereabouts
                    .note_settled(held.stream, delivery.sequence);
                self.done(held).await;
                Ended::Done
            }
        };
        self.figures.count(ended, job.since.elapsed());
    }

    async fn done(&self, held: &Held) {
        // Whoever works on events that may end the process says at once which ones do not.
        let suspect = held.delivery.attempt > self.attempts();
        let noted = if (self.handler.exactly || suspect) && self.is_current(held) {
            confirmed(&held.delivery).await
        } else {
            self.tell(held, Settling::Ack).await
        };
        self.unless_told(held, noted);
    }

    /// Whether the stream is still the one that it came from.
    fn is_current(&self, held: &Held) -> bool {
        self.whereabouts.is_current(held.stream)
    }

    /// Tells the server about a delivery. In a stream made anew it would be about another one.
    pub(super) async fn tell(&self, held: &Held, how: Settling) -> Result<()> {
        if !self.is_current(held) {
            return Ok(());
        }
        held.delivery.settle(how).await
    }

    async fn again(&self, held: &Held, after: Duration, failure: &Failure) {
        let delivery = &held.delivery;
        if let Some(unsaid) = self.complaints.again() {
            tracing::warn!(
                handler = self.place.handler(), event = %delivery.message.subject, sequence = delivery.sequence, attempt = delivery.attempt,
                ?after, failure = failure.logged(), unsaid,
                "an event was not handled and is tried again"
            );
        }
        let told = self.tell(held, Settling::Retry { after }).await;
        self.unless_told(held, told);
    }

    /// It is given back at once, and was not worked on to its end.
    pub(super) async fn give_back(&self, held: &Held) {
        let after = Duration::ZERO;
        let told = self.tell(held, Settling::Retry { after }).await;
        self.unless_told(held, told);
        self.figures.count(Ended::Returned, Duration::ZERO);
    }

    /// It is none of this handler's.
    pub(super) async fn pass_over(&self, held: &Held) {
        let told = self.tell(held, Settling::Ack).await;
        self.unless_told(held, told);
    }

    /// Gives it up: it is noted among the dead letters, and only then done with.
    async fn bury(&self, held: &Held, failure: Failure) -> Ended {
        let Held {
            delivery,
            stream: made,
        } = held;
        let home = &self.shared.home;
        let layout = home.client.layout();
        let stream = layout.stream("EVENTS");
        // A leader's has its term; whoever gives up, it is one dead letter.
        let consumer = self.place.consumer(None);
        let from = From {
            stream: &stream,
            handler: self.place.handler(),
            consumer: &consumer,
            instance: home.instance.as_str(),
        };
        let id = id_of(layout, delivery);
        let letter = letter(layout, delivery, &id, from, &failure);
        match note(&home.client, letter).await {
            Ok(_) => {
                tracing::error!(
                    handler = self.place.handler(), event = %delivery.message.subject,
                    sequence = delivery.sequence, attempts = delivery.attempt, failure = failure.logged(),
                    "an event is given up: `aegis dead list` shows it, `aegis dead retry` brings it back"
                );
                self.unburied.remove(*made, delivery.sequence);
                self.whereabouts.note_settled(*made, delivery.sequence);
                let told = self.tell(held, Settling::Terminate).await;
                self.unless_told(held, told);
                Ended::Dead
            }
            Err(error) => {
                tracing::error!(
                    handler = self.place.handler(), sequence = delivery.sequence, failure = failure.logged(), %error,
                    "an event is to be given up, and cannot be noted among the dead letters: that is tried again"
                );
                self.unburied.insert(*made, delivery.sequence, failure);
                let [least, most] = UNBURIED;
                let after = self.longest_wait().clamp(least, most);
                let told = self.tell(held, Settling::Retry { after }).await;
                self.unless_told(held, told);
                Ended::Again
            }
        }
    }

    /// What was not told is delivered again after its ack wait.
    fn unless_told(&self, held: &Held, told: Result<()>) {
        if let Err(error) = told {
            tracing::debug!(
                handler = self.place.handler(), sequence = held.delivery.sequence, %error,
                "the end of a delivery was not told: it comes again"
            );
        }
    }
}

/// Asks until the server has taken note, or the time is over: to be done with twice is the same.
async fn confirmed(delivery: &Delivery) -> Result<()> {
    let deadline = Instant::now() + WITHIN;
    loop {
        let until = deadline.min(Instant::now() + ASKED);
        let noted = delivery.confirm(until).await;
        if !noted.as_ref().is_err_and(Error::is_passing) || Instant::now() >= deadline {
            return noted;
        }
        // Whoever is told at once that nobody is there does not ask at once again.
        tokio::time::sleep_until(until).await;
    }
}

/// The id that the handler knew it by. One that cannot travel in a header is that of its envelope,
/// which goes with it, and is left out.
fn id_of(layout: &Layout, delivery: &Delivery) -> String {
    let message = &delivery.message;
    let subject = message.subject.as_str();
    let name = layout.event_name(subject).unwrap_or(subject);
    let place = EventSource {
        sequence: delivery.sequence,
        stored: delivery.stored,
        attempt: delivery.attempt,
    };
    let event = AnyEvent::read(
        name,
        message.headers.clone(),
        message.payload.clone(),
        place,
    );
    let id = event.id();
    if header::travels(id) {
        id.to_owned()
    } else {
        String::new()
    }
}
