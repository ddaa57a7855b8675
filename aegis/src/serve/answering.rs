//! How a request is answered: with the handler's reply, or with why there is none.

use bytes::Bytes;

use super::call::Job;
use super::endpoint::Endpoint;
use super::respond::{self, Reply};
use crate::error::{ErrorKind, Result};
use crate::model::{Code, Failure, Headers};
use crate::observe::Seldom;
use crate::port::Outgoing;

/// A connection that is lost is told of once, not with every reply.
static UNSENT: Seldom = Seldom::new();

/// Why the work ended without a reply of its own.
pub(super) enum Unwanted {
    Expired,
    GivenUp,
    Stopped,
}

impl Endpoint {
    pub(super) async fn answer_overloaded(&self, job: &Job) {
        self.figures.overloads.increment(1);
        let text = format!(
            "{} calls of {} run and {} wait, which is all that may: try again later",
            self.concurrency, self.row.name, self.queue
        );
        let failure = Failure::framework(Code::Overloaded, text);
        self.answer_failure(job, &failure).await;
    }

    pub(super) async fn answer_outcome(&self, job: &Job, outcome: Result<Reply, String>) {
        match outcome {
            Ok(reply) => {
                let ours = self.keep(job, &reply).await;
                // Asked last: what is answered was true when it was sent.
                match job
                    .pass
                    .as_ref()
                    .filter(|pass| !job.is_repeated && (!ours || !pass.is_valid()))
                {
                    None => self.answer(job, reply).await,
                    Some(pass) => {
                        // Whoever asks with the key again hears what came of it.
                        let repeatable = self.handler.idempotent || job.ticket.is_some();
                        let failure = pass.refused(self.row.name, repeatable);
                        self.answer_failure(job, &failure).await;
                    }
                }
            }
            Err(panic) => {
                self.note_panic(&panic);
                let home = &self.shared.home;
                let text = format!(
                    "the handler of {} panicked; the log of instance {} says where",
                    self.row.name, home.instance
                );
                self.answer_failure(job, &Failure::internal(text)).await;
            }
        }
    }

    pub(super) fn note_panic(&self, panic: &str) {
        self.figures.panics.increment(1);
        tracing::error!(handler = self.row.handler(), source = %self.row.source, panic, "a handler panicked");
    }

    pub(super) async fn answer_unwanted(&self, job: &Job, unwanted: &Unwanted, is_fault: bool) {
        let (code, text) = match unwanted {
            Unwanted::Expired => (
                Code::Timeout,
                "the deadline passed before there was a result",
            ),
            Unwanted::GivenUp => (Code::Cancelled, "the caller gave up"),
            Unwanted::Stopped => (
                Code::Cancelled,
                "the instance stopped before there was a result",
            ),
        };
        let mut reply = respond::failure(&job.request.call, &Failure::framework(code, text));
        if let Some(failed) = &mut reply.failure {
            failed.is_fault = is_fault;
        }
        self.answer(job, reply).await;
    }

    pub(super) async fn answer_failure(&self, job: &Job, failure: &Failure) {
        self.answer(job, respond::failure(&job.request.call, failure))
            .await;
    }

    pub(super) async fn answer(&self, job: &Job, reply: Reply) {
        let mut failure = reply.failure;
        let sent = self.send(job, reply.headers, reply.payload).await;
        if let Err(error) = sent {
            if error.kind() == ErrorKind::TooLarge {
                let text = format!("the result of {} is too large: {error}", self.row.name);
                let instead = Failure::framework(Code::TooLarge, text);
                let reply = respond::failure(&job.request.call, &instead);
                failure = reply.failure;
                let _ = self.send(job, reply.headers, reply.payload).await;
            } else if let Some(unsaid) = UNSENT.again() {
                tracing::warn!(method = self.row.name, %error, unsaid, "a reply was not sent");
            }
        }
        if let Some(failed) = &failure {
            job.request.traced.failed(failed.failure.code());
        }
        let took = job.arrived.elapsed();
        tracing::debug!(
            service = %self.shared.home.service, method = self.row.name, ?took,
            failure = failure.as_ref().map(|failed| failed.text.as_str()), "answered"
        );
        self.figures.count(took, failure);
    }

    async fn send(&self, job: &Job, headers: Headers, payload: Bytes) -> Result<()> {
        let mut headers = headers;
        if let Some(pass) = &job.pass {
            let (name, epoch) = pass.epoch();
            headers.own(name, epoch);
        }
        let message = Outgoing {
            subject: job.reply_to.clone(),
            reply: None,
            headers,
            payload,
        };
        self.shared.bus.publish(message).await
    }
}
