//! Which deliveries are worked on, when, and which are not.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use time::OffsetDateTime;

use super::worker::{Held, Job, Outcome, Worker};
use crate::model::{ACCIDENTS, DEFAULT_RETRIES, Failure, header};
use crate::port::Delivery;

impl Worker {
    /// Takes an event of a stream made at that time. Returns without waiting for a handler that
    /// waits.
    pub(super) async fn take(self: &Arc<Self>, mut delivery: Delivery, stream: OffsetDateTime) {
        let sequence = delivery.sequence;
        if self.is_exclusive() {
            delivery.attempt += self.whereabouts.attempts_before(stream, sequence);
        }
        let held = Arc::new(Held { delivery, stream });
        // It was worked on when the connection was lost, and ended since.
        let again = self.is_exclusive() && self.whereabouts.is_settled(stream, sequence);
        if again || self.is_for_another(&held.delivery) {
            return self.pass_over(&held).await;
        }
        let pass = if self.is_exclusive() {
            // The next leader gets it by a consumer of its own: nothing is to be said here.
            let Some(pass) = self.shared.gate.enter() else {
                return;
            };
            Some(pass)
        } else {
            None
        };
        let job = self.job(held, pass);
        if let Some(failure) = self.given_up(&job) {
            return self.settle_aside(job, Ok(Err(failure)));
        }
        if job.held.delivery.attempt > self.attempts() {
            return self.take_alone(job);
        }
        if self.long_steps.load(Ordering::Relaxed) {
            let worker = self.clone();
            self.shared.tasks.spawn(async move {
                worker.work_on(job).await;
            });
            return;
        }
        let (work, step) = self.first_step(&job);
        match step {
            Poll::Ready(Ok(Ok(()))) if !self.handler.exactly => {
                self.settle(job, Ok(Ok(()))).await;
            }
            // What waits for the server does not hold up the others.
            Poll::Ready(outcome) => self.settle_aside(job, outcome),
            Poll::Pending => {
                let worker = self.clone();
                self.shared
                    .tasks
                    .spawn(async move { worker.finish(job, work).await });
            }
        }
    }

    async fn work_on(&self, job: Job) {
        let (work, step) = self.first_step(&job);
        match step {
            Poll::Ready(outcome) => self.settle(job, outcome).await,
            Poll::Pending => self.finish(job, work).await,
        }
    }

    /// Works on an event that was delivered more often than it may be tried: perhaps it ends the
    /// process. Others like it wait, so that they do not end with it once more.
    fn take_alone(self: &Arc<Self>, job: Job) {
        let worker = self.clone();
        self.shared.tasks.spawn(async move {
            let turn = tokio::select! {
                turn = worker.alone.clone().lock_owned() => turn,
                () = worker.unwanted(&job) => return worker.give_back(&job.held).await,
            };
            worker.work_on(job).await;
            drop(turn);
        });
    }

    fn settle_aside(self: &Arc<Self>, job: Job, outcome: Outcome) {
        let worker = self.clone();
        self.shared
            .tasks
            .spawn(async move { worker.settle(job, outcome).await });
    }

    /// Why an event is not tried again.
    fn given_up(&self, job: &Job) -> Option<Failure> {
        let Held { delivery, stream } = &*job.held;
        let before = self.unburied.get(*stream, delivery.sequence);
        let worn_out = || (delivery.attempt > self.most_deliveries()).then(|| self.worn_out());
        before.or_else(worn_out)
    }

    /// Brought back for one handler that had given it up: the others have handled it.
    fn is_for_another(&self, delivery: &Delivery) -> bool {
        let only = delivery.message.headers.get(header::ONLY);
        only.is_some_and(|only| !self.place.is_meant(only))
    }

    /// How often an event is tried.
    pub(super) fn attempts(&self) -> u64 {
        let retries = self.handler.retries.unwrap_or(DEFAULT_RETRIES);
        u64::from(retries) + 1
    }

    fn most_deliveries(&self) -> u64 {
        self.attempts() + u64::from(ACCIDENTS)
    }

    fn worn_out(&self) -> Failure {
        let text = format!(
            "it was delivered more than {} times and nobody said how that ended: does the work on \
             it end the process, is `ack_wait` too short, or could nobody note it as a dead letter?",
            self.most_deliveries()
        );
        Failure::internal(text).terminal()
    }
}
