//! Dead letters: to look at, to bring back, to remove.

use std::time::Duration;

use tokio::time::Instant;

use super::core::Client;
use super::publish::Published;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ConsumerSpec, DeadLetter, DeliverFrom, Settling, StoredMessage, StreamMessage};
use crate::model::{Headers, Subject, header};
use crate::observe;
use crate::port::Delivery;

/// Dead letters that are asked for at once.
const WINDOW: usize = 256;
/// The server forgets who lists them after so long.
const AWAY: Duration = Duration::from_secs(10);

/// The dead letters: events that a handler gave up.
///
/// ```no_run
/// # async fn example(client: aegis::Client) -> aegis::Result<()> {
/// let dead = client.dead_letters();
/// for letter in dead.list(100).await? {
///     println!("{} {} {}: {}", letter.sequence, letter.handler, letter.subject, letter.reason);
///     dead.retry(letter.sequence).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct DeadLetters {
    client: Client,
}

impl Client {
    /// What handlers could not handle: to look at, to bring back, to remove.
    pub fn dead_letters(&self) -> DeadLetters {
        DeadLetters {
            client: self.clone(),
        }
    }
}

impl DeadLetters {
    fn stream(&self) -> String {
        self.client.layout().stream("DEAD")
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.client.shared.settings.timeout
    }

    /// The oldest of them, at most so many. Errors: `NoService` if there is no JetStream; that
    /// nothing was ever given up is an empty list.
    pub async fn list(&self, most: usize) -> Result<Vec<DeadLetter>> {
        let (stream, deadline) = (self.stream(), self.deadline());
        let streams = self.client.streams();
        let found = streams.status(&stream, deadline).await?;
        let Some(mut left) = found.map(|status| status.messages).filter(|held| *held > 0) else {
            return Ok(Vec::new());
        };
        let mut spec = ConsumerSpec::new(format!("lister-{:016x}", observe::random()));
        spec.filters = vec![self.client.layout().dead_letters()];
        spec.from = DeliverFrom::All;
        spec.in_memory = true;
        spec.inactive_threshold = Some(AWAY);
        let name = spec.name.clone();
        let consumer = streams.consumer(&stream, spec, deadline).await?;
        let mut pull = consumer.pull().await?;
        let mut letters = Vec::new();
        let mut asked = 0;
        while left > 0 && letters.len() < most {
            if asked == 0 {
                asked = WINDOW.min(most - letters.len());
                pull.more(asked).await?;
            }
            let next = tokio::time::timeout_at(deadline, pull.next());
            let delivery = match next.await {
                Ok(Some(delivery)) => delivery?,
                Ok(None) => break,
                Err(_) => return Err(observe::no_answer(&Subject::trusted(stream))),
            };
            asked -= 1;
            left = delivery.pending;
            delivery.settle(Settling::Ack).await?;
            letters.push(DeadLetter::read(stored(delivery)));
        }
        drop(pull);
        // The server would forget it by itself.
        let _ = streams.remove_consumer(&stream, &name, deadline).await;
        Ok(letters)
    }

    /// One of them; none if there is none of this number (any more).
    pub async fn get(&self, sequence: u64) -> Result<Option<DeadLetter>> {
        let (streams, stream) = (self.client.streams(), self.stream());
        let found = streams.message(&stream, sequence, self.deadline());
        match found.await {
            Ok(found) => Ok(found.map(DeadLetter::read)),
            Err(error) if error.kind() == ErrorKind::NoService => self.unless_missing(error).await,
            Err(error) => Err(error),
        }
    }

    /// Nothing was ever given up, as long as the server has streams at all.
    async fn unless_missing<T>(&self, error: Error) -> Result<Option<T>> {
        let streams = self.client.streams();
        match streams.status(&self.stream(), self.deadline()).await? {
            None => Ok(None),
            Some(_) => Err(error),
        }
    }

    /// Brings one back: the event is published again as it was, for the handler that gave it up and
    /// no other, with all its attempts; then the dead letter is removed. Who asks twice, inside the
    /// window of the stream of events, brings it back once.
    ///
    /// Errors: `Invalid` if there is none of this number, or its body is gone; as
    /// [`Client::publish`], and then the dead letter stays.
    pub async fn retry(&self, sequence: u64) -> Result<Published> {
        let Some(letter) = self.get(sequence).await? else {
            return Err(gone(sequence));
        };
        let subject = Subject::parse(&letter.subject).map_err(|cause| {
            let text = format!("the dead letter {sequence} does not say where it was sent");
            Error::new(ErrorKind::Invalid, text).because(cause)
        })?;
        let (headers, body) = if letter.body_left {
            let left = self.left(&letter).await?;
            (left.headers, left.payload)
        } else {
            (letter.headers.clone(), letter.body.clone())
        };
        let mut kept = Headers::new();
        for (name, value) in headers.iter() {
            if !name.starts_with("Nats-") && !name.eq_ignore_ascii_case(header::ONLY) {
                let _ = kept.set(name, value);
            }
        }
        kept.own(header::ONLY, letter.handler.clone());
        if !letter.id.is_empty() {
            // The stream may remember its id, and refuse it.
            kept.own(header::EVENT_ID, letter.id.clone());
        }
        let given_up = letter.given_up.unix_timestamp_nanos();
        let message = StreamMessage::new(subject, body)
            .with_headers(kept)
            .with_id(format!("retry.{sequence}.{given_up}"));
        let published = self.client.publish_again(message).await?;
        self.remove(sequence).await?;
        Ok(published)
    }

    /// What was sent, where it stood.
    async fn left(&self, letter: &DeadLetter) -> Result<StoredMessage> {
        let streams = self.client.streams();
        let found = streams.message(&letter.stream, letter.number, self.deadline());
        found.await?.ok_or_else(|| {
            let text = format!(
                "the body of the dead letter {} was left in the stream {} as number {}, which does \
                 not hold it any more",
                letter.sequence, letter.stream, letter.number
            );
            Error::new(ErrorKind::Invalid, text)
        })
    }

    /// Removes one for good; tells whether there was one.
    pub async fn remove(&self, sequence: u64) -> Result<bool> {
        let (streams, stream) = (self.client.streams(), self.stream());
        let removed = streams.delete(&stream, sequence, self.deadline());
        match removed.await {
            Err(error) if error.kind() == ErrorKind::NoService => {
                let none: Option<bool> = self.unless_missing(error).await?;
                Ok(none.unwrap_or(false))
            }
            removed => removed,
        }
    }
}

fn gone(sequence: u64) -> Error {
    let text = format!(
        "there is no dead letter {sequence} (any more): `aegis dead list` shows those that there are"
    );
    Error::new(ErrorKind::Invalid, text)
}

fn stored(delivery: Delivery) -> StoredMessage {
    StoredMessage {
        subject: delivery.message.subject,
        headers: delivery.message.headers,
        payload: delivery.message.payload,
        sequence: delivery.sequence,
        stored: delivery.stored,
    }
}
