//! Exclusive work with a key on its way: whether it runs, and what is kept of it.

use std::marker::PhantomData;

use bytes::Bytes;
use serde_json::{Value, json};

use super::call::{Incoming, Job};
use super::endpoint::Endpoint;
use super::once::{Begun, Kept};
use super::respond::{self, Reply};
use crate::error::{Error, ErrorKind};
use crate::model::{Code, Failure, InEnvelope};

impl Endpoint {
    /// Lets work run that has no key, or was not done yet; what was done is answered again.
    pub(super) async fn unless_done(&self, mut job: Job) -> Option<Job> {
        let context = &job.request.context;
        let key = context.idempotency_key().filter(|_| job.has_a_key());
        let (Some(key), Some(pass)) = (key, &job.pass) else {
            return Some(job);
        };
        let method = self.row.name;
        let work = format!("{}.{method}.{key}", context.service());
        let begun = self
            .shared
            .once
            .begin(&work, &pass.leader, self.handler.idempotent);
        let failure = match begun.await {
            Ok(Begun::Run(ticket)) => {
                context.note_repetition(ticket.again);
                job.ticket = Some(ticket);
                return Some(job);
            }
            Ok(Begun::Done(kept)) => {
                let reply = replay(&job, &kept);
                if self.shared.home.client.layers().is_empty() {
                    self.answer(&job, reply).await;
                    return None;
                }
                job.stored = Some(reply);
                job.is_repeated = true;
                return Some(job);
            }
            Ok(Begun::Running) => {
                let text = format!("{method} runs with this key already: ask again for its result");
                Failure::framework(Code::OutcomeUnknown, text).retryable()
            }
            Ok(Begun::Unknown { epoch }) => {
                let text = format!(
                    "{method} began with this key under epoch {epoch}, and its end is not known: \
                     it does not run again unless it is `idempotent`"
                );
                let details = json!({"epoch": epoch});
                Failure::framework(Code::OutcomeUnknown, text).with_details(details)
            }
            Err(error) if error.kind() == ErrorKind::NotActive => pass.too_late(method),
            Err(error) if error.kind() == ErrorKind::Invalid => {
                Failure::framework(Code::InvalidParams, error.to_string())
            }
            Err(error) => {
                let text =
                    format!("nothing ran: the results of {method} cannot be reached: {error}");
                Failure::framework(Code::Overloaded, text)
            }
        };
        self.answer_failure(&job, &failure).await;
        None
    }

    /// The work does not begin: it may run when somebody asks again.
    pub(super) async fn give_back(&self, job: &Job) {
        let Some(ticket) = &job.ticket else { return };
        if let Err(error) = ticket.give_back().await {
            tracing::warn!(method = self.row.name, %error, "work that did not begin is marked as begun");
        }
    }

    /// Keeps what came of work with a key, before its caller hears of it; tells whether it is ours
    /// to tell.
    pub(super) async fn keep(&self, job: &Job, reply: &Reply) -> bool {
        let Some(ticket) = &job.ticket else {
            return true;
        };
        let call = &job.request.call;
        let kept = match &reply.failure {
            Some(_) if reply.unbegun => ticket.give_back().await,
            None => match bare(call, &reply.payload) {
                Some(body) => ticket.keep(call.codec, Ok(body)).await,
                None => Err(Error::new(
                    ErrorKind::Encode,
                    "the result has no plain form",
                )),
            },
            Some(failed) => match Code::parse(failed.failure.code()) {
                // The handler says itself that it may be tried again.
                None if failed.failure.is_retryable() => ticket.give_back().await,
                None => {
                    let failure = (*failed.failure).clone();
                    ticket.keep(call.codec, Err(failure)).await
                }
                // It did not begin.
                Some(Code::InvalidParams) => ticket.give_back().await,
                // An error that it did not foresee: how far it came is unknown.
                Some(_) => return true,
            },
        };
        let Err(error) = kept else { return true };
        let method = self.row.name;
        tracing::warn!(method, %error, "a result was not kept: whoever repeats the call is not told it");
        // A newer leader has taken the work over, and keeps its own result.
        error.kind() != ErrorKind::Conflict
    }
}

/// The result without an envelope.
fn bare(call: &Incoming, payload: &Bytes) -> Option<Bytes> {
    if call.envelope.is_none() {
        return Some(payload.clone());
    }
    let seed = InEnvelope {
        field: "result",
        seed: PhantomData::<Value>,
    };
    let result = call.codec.decode_seed(payload, seed).ok()?;
    call.codec.encode(&result).ok()
}

/// The answer to somebody who asks again, in his own encoding and form.
fn replay(job: &Job, kept: &Kept) -> Reply {
    let call = &job.request.call;
    if let Some(failure) = kept.failure() {
        return respond::failure(call, &failure);
    }
    let Some((codec, body)) = kept.result() else {
        let text = "the result that was kept for this key cannot be read";
        return respond::failure(call, &Failure::framework(Code::OutcomeUnknown, text));
    };
    if codec == call.codec && call.envelope.is_none() {
        return respond::encoded(call, body);
    }
    match codec.decode::<Value>(&body) {
        Ok(value) => respond::reply(&job.request, Ok::<_, Failure>(value)),
        Err(cause) => {
            let text = format!("the result that was kept for this key cannot be written: {cause}");
            respond::failure(call, &Failure::framework(Code::OutcomeUnknown, text))
        }
    }
}
