//! One message into a stream: a request that the stream answers.

use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::super::api::{Refusal, code, refused};
use super::failure;
use super::streams::NatsStreams;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ExpectSequence, Stored, StreamMessage, Subject, header};
use crate::observe;
use crate::port::{Bus, Outgoing};

const EXPECTED_LAST: &str = "Nats-Expected-Last-Sequence";
const EXPECTED_ON: &str = "Nats-Expected-Last-Subject-Sequence";
/// Of which subject, if it is not that of the message.
const EXPECTED_SUBJECT: &str = "Nats-Expected-Last-Subject-Sequence-Subject";
/// A cluster that has not settled on an earlier message is asked again so often.
const UNSETTLED_ATTEMPTS: u32 = 20;

/// A stream's word, or a refusal: read in one pass.
#[derive(Deserialize)]
struct Word {
    error: Option<Refusal>,
    #[serde(default)]
    stream: String,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
}

/// The streams that store a subject.
#[derive(Deserialize)]
struct Names {
    #[serde(default)]
    streams: Option<Vec<String>>,
}

impl NatsStreams {
    pub(super) fn store_now(
        &self,
        message: StreamMessage,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<Stored>> {
        let checked = message.check();
        let StreamMessage {
            subject,
            mut headers,
            payload,
            id,
            expect,
        } = message;
        if let Some(id) = id {
            headers.own(header::MESSAGE_ID, id);
        }
        let mut look_before = false;
        match &expect {
            None => {}
            Some(ExpectSequence::Last(sequence)) => {
                headers.own(EXPECTED_LAST, sequence.to_string());
            }
            Some(ExpectSequence::LastOn {
                subject: other,
                sequence,
            }) if *other == subject => headers.own(EXPECTED_ON, sequence.to_string()),
            Some(ExpectSequence::LastOn {
                subject: other,
                sequence,
            }) if self.known().fenced_writes => {
                headers.own(EXPECTED_ON, sequence.to_string());
                headers.own(EXPECTED_SUBJECT, other.to_string());
            }
            Some(ExpectSequence::LastOn { .. }) => look_before = true,
        }
        let outgoing = Outgoing::new(subject, payload).with_headers(headers);
        async move {
            checked?;
            if let Some(expected) = expect.as_ref().filter(|_| look_before) {
                // The future of a rare case is kept off the usual one.
                Box::pin(self.check(&outgoing.subject, expected, deadline)).await?;
            }
            self.settled(&outgoing, expect.as_ref(), deadline).await
        }
        .boxed()
    }

    /// Sends a message until a cluster has settled what came before it; nothing was stored by then.
    async fn settled(
        &self,
        message: &Outgoing,
        expect: Option<&ExpectSequence>,
        deadline: Instant,
    ) -> Result<Stored> {
        let subject = &message.subject;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let refusal = match self.send(message, deadline).await? {
                Ok(stored) => return Ok(stored),
                Err(refusal) => refusal,
            };
            // The first message with this id may be stored or not: only patience can tell.
            let same_id = refusal.err_code == code::SAME_ID_UNDER_WAY;
            let unsettled = code::NOT_SETTLED.contains(&refusal.err_code);
            let pause = Duration::from_millis(10 + observe::random() % 15);
            let again = same_id || (unsettled && attempt < UNSETTLED_ATTEMPTS);
            if !again || Instant::now() + pause >= deadline {
                return Err(not_stored(subject, expect, refusal));
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn send(&self, message: &Outgoing, deadline: Instant) -> Result<Result<Stored, Refusal>> {
        let subject = &message.subject;
        let bus = &self.api.bus;
        let call = bus.new_call();
        let asked = if message.headers.is_empty() {
            bus.ask(message.clone(), &call, deadline).boxed().await
        } else {
            bus.ask_with_headers(message, &call, deadline).await
        };
        let answer = match asked {
            Err(error) if error.kind() == ErrorKind::NoService => {
                return Err(failure::nothing_stores(subject));
            }
            answer => answer?,
        };
        let word = serde_json::from_slice::<Word>(&answer.payload);
        let word = word.map_err(|cause| no_word(subject).because(cause))?;
        match word {
            Word {
                error: Some(refusal),
                ..
            } => Ok(Err(refusal)),
            Word {
                stream,
                seq: sequence,
                duplicate,
                ..
            } if sequence > 0 => Ok(Ok(Stored {
                stream,
                sequence,
                duplicate,
            })),
            _ => Err(no_word(subject)),
        }
    }

    /// The same for a server that compares with no other subject: looked at before, which leaves
    /// the time in between.
    async fn check(
        &self,
        subject: &Subject,
        expect: &ExpectSequence,
        deadline: Instant,
    ) -> Result<()> {
        let ExpectSequence::LastOn {
            subject: other,
            sequence,
        } = expect
        else {
            return Ok(());
        };
        let body = json!({"subject": subject.as_str()});
        let page = self.api.ask::<Names>("STREAM.NAMES", &body, deadline);
        let page = page.await?.map_err(|refusal| {
            refused(
                &format!("it cannot be found out which stream stores {subject}"),
                refusal,
            )
        })?;
        let Some(stream) = page.streams.unwrap_or_default().pop() else {
            return Err(failure::nothing_stores(subject));
        };
        let which = json!({"last_by_subj": other.as_str()});
        let found = self.get(&stream, which, deadline).await?;
        if found.map_or(0, |found| found.sequence) == *sequence {
            return Ok(());
        }
        Err(conflict(subject, Some(expect)))
    }
}

fn not_stored(subject: &Subject, expect: Option<&ExpectSequence>, refusal: Refusal) -> Error {
    let full = refusal.err_code == code::STORE_FAILED && refusal.description.contains("maximum");
    let error = match refusal.err_code {
        code::WRONG_LAST_SEQUENCE => conflict(subject, expect),
        unsettled if code::NOT_SETTLED.contains(&unsettled) => conflict(subject, expect),
        code::SAME_ID_UNDER_WAY => Error::new(
            ErrorKind::Timeout,
            format!(
                "another message with this id is on its way into the stream of {subject}, and was \
                 not settled before the deadline: send it again with the same id to know"
            ),
        ),
        large if code::TOO_LARGE.contains(&large) => Error::new(
            ErrorKind::TooLarge,
            format!(
                "a message on {subject} is larger than its stream takes, nothing was stored: send \
                 less at once, or raise the `max_msg_size` of the stream"
            ),
        ),
        _ if full => Error::new(
            ErrorKind::Overloaded,
            format!(
                "the stream of {subject} is full and refuses, nothing was stored: work off or \
                 remove what it holds, or raise its limits"
            ),
        ),
        _ => return refused(&format!("a message on {subject} was not stored"), refusal),
    };
    error.because(refusal)
}

fn conflict(subject: &Subject, expect: Option<&ExpectSequence>) -> Error {
    let found = match expect {
        Some(ExpectSequence::Last(0)) => "the stream has messages".to_owned(),
        Some(ExpectSequence::Last(sequence)) => {
            format!("the newest message of the stream is not {sequence}")
        }
        Some(ExpectSequence::LastOn { subject, sequence }) => {
            format!("the newest message on {subject} is not {sequence}")
        }
        None => "others store there at this moment".to_owned(),
    };
    Error::new(
        ErrorKind::Conflict,
        format!(
            "a message on {subject} was not stored, as {found}: read what is there, and decide anew"
        ),
    )
}

fn no_word(subject: &Subject) -> Error {
    let text = format!(
        "what answers a message on {subject} is no stream, so whether it was stored is not known: \
         find out who else answers on this subject"
    );
    Error::new(ErrorKind::Decode, text).after_sending()
}
