//! Calls that were meant for one instance, and how what no handler answers is answered.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::builtin::{Answers, Builtin};
use super::call::Request;
use super::endpoint::{Endpoint, Shared};
use super::gate::Origin;
use super::reader::Takes;
use super::respond;
use crate::error::{ErrorKind, Result};
use crate::model::{Code, Failure, STEP_DOWN};
use crate::port::{Message, Outgoing};

/// Calls that were meant for this instance: `rpc.{service}.{method}.{instance}`.
pub(super) struct OwnCalls {
    pub(super) by_name: HashMap<&'static str, Arc<Endpoint>>,
    pub(super) shared: Arc<Shared>,
    pub(super) builtin: Option<Answers>,
}

impl OwnCalls {
    fn builtin(&self, message: &Message) -> Option<(Builtin, &Answers)> {
        let mut all = Builtin::ALL.into_iter();
        let which = all.find(|which| which.name() == method_of(message))?;
        Some((which, self.builtin.as_ref()?))
    }

    fn endpoint(&self, message: &Message) -> Option<&Arc<Endpoint>> {
        self.by_name.get(method_of(message))
    }
}

fn method_of(message: &Message) -> &str {
    let subject = message.subject.as_str();
    subject.rsplit('.').nth(1).unwrap_or_default()
}

impl Takes for OwnCalls {
    fn limit(&self) -> usize {
        let limits = self.by_name.values().map(Takes::limit);
        // Beside them, what never waits: whatever this instance is asked of itself.
        limits.max().unwrap_or_default().max(64)
    }

    async fn take(&self, message: Message, arrived: Instant) {
        match self.endpoint(&message) {
            Some(endpoint) => endpoint.take_from(Origin::Own, message, arrived).await,
            None if method_of(&message) == STEP_DOWN => stand_aside(message, &self.shared).await,
            None => match self.builtin(&message) {
                Some((which, answers)) => answers.answer(which, message).await,
                None => refuse_unknown(message, &self.shared).await,
            },
        }
    }

    async fn refuse(&self, message: Message, arrived: Instant) {
        match self.endpoint(&message) {
            Some(endpoint) => endpoint.refuse_from(Origin::Own, message, arrived).await,
            None => refuse_busy(message, &self.shared).await,
        }
    }
}

/// Too much waits to look whether there is such a method at all.
pub(super) async fn refuse_busy(message: Message, shared: &Shared) {
    let text = format!(
        "too many ask {} at once: try again later",
        shared.home.instance
    );
    let failure = Failure::framework(Code::Overloaded, text);
    answer_here(message, shared, "unknown", Err(failure)).await;
}

async fn refuse_unknown(message: Message, shared: &Shared) {
    let (home, method) = (&shared.home, method_of(&message));
    let text = format!(
        "{} {} has no method {method:?}",
        home.service, home.instance
    );
    let failure = Failure::framework(Code::UnknownMethod, text);
    answer_here(message, shared, "unknown", Err(failure)).await;
}

/// Hands over, if this instance leads; the answer says which leadership ends.
async fn stand_aside(message: Message, shared: &Shared) {
    let outcome = match shared.gate.ask_to_stand_aside() {
        Some(epoch) => Ok(json!({"epoch": epoch})),
        None => Err(shared.gate.not_active("stepping down")),
    };
    answer_here(message, shared, STEP_DOWN, outcome).await;
}

pub(super) async fn answer_here(
    message: Message,
    shared: &Shared,
    named: &'static str,
    outcome: Result<Value, Failure>,
) {
    let Some(reply) = shared.inboxes.reply_of(&message) else {
        return;
    };
    let request = Request::read(message, &shared.home, named, None, Instant::now());
    if let Err(failure) = &outcome {
        request.traced.failed(failure.code());
    }
    let answer = match outcome {
        Ok(value) => respond::reply(&request, Ok::<_, Failure>(value)),
        Err(failure) => respond::failure(&request.call, &failure),
    };
    let message = Outgoing::new(reply.clone(), answer.payload).with_headers(answer.headers);
    let Err(error) = shared.bus.publish(message).await else {
        return;
    };
    tracing::warn!(%error, "a reply was not sent");
    if error.kind() == ErrorKind::TooLarge {
        let failure =
            Failure::framework(Code::TooLarge, format!("the answer is too large: {error}"));
        let answer = respond::failure(&request.call, &failure);
        let message = Outgoing::new(reply, answer.payload).with_headers(answer.headers);
        // It is small: what fails now is the connection, which is told elsewhere.
        let _ = shared.bus.publish(message).await;
    }
}
