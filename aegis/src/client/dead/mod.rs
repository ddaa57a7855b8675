//! Dead letters: to look at, to bring back (`back`), to remove.

mod back;

pub(super) use back::kept_headers;

use std::time::Duration;

use tokio::time::Instant;

use super::core::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ConsumerSpec, DeadLetter, DeliverFrom, Settling, StoredMessage, Subject};
use crate::observe;
use crate::port::{Consumer, Delivery};

/// After so long without a dead letter it is asked whether there are any left.
const QUIET: Duration = Duration::from_millis(500);
/// Dead letters that are asked for at once.
const WINDOW: usize = 256;
/// The server forgets who lists them after so long.
const AWAY: Duration = Duration::from_secs(10);

/// The dead letters: events and commands that a handler gave up.
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
        self.list_from(0, most).await
    }

    /// The oldest of those with this number or a greater one, at most so many: all of them, page by
    /// page, if each page begins behind the last one of the page before. Errors: as
    /// [`list`](Self::list).
    pub async fn list_from(&self, sequence: u64, most: usize) -> Result<Vec<DeadLetter>> {
        let (stream, deadline) = (self.stream(), self.deadline());
        let streams = self.client.streams();
        let found = streams.status(&stream, deadline).await?;
        if most == 0 || found.is_none_or(|status| status.messages == 0) {
            return Ok(Vec::new());
        }
        let mut spec = ConsumerSpec::new(format!("lister-{:016x}", observe::random()));
        spec.filters = vec![self.client.layout().dead_letters()];
        spec.from = match sequence {
            0 | 1 => DeliverFrom::All,
            more => DeliverFrom::Sequence(more),
        };
        spec.in_memory = true;
        spec.inactive_threshold = Some(AWAY);
        let name = spec.name.clone();
        let consumer = streams.consumer(&stream, spec, deadline).await?;
        let letters = read(&*consumer, most, deadline).await;
        // The server would forget it by itself.
        let _ = streams.remove_consumer(&stream, &name, deadline).await;
        letters
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

/// What a new consumer delivers, at most so many.
async fn read(consumer: &dyn Consumer, most: usize, deadline: Instant) -> Result<Vec<DeadLetter>> {
    let mut left = consumer.status(deadline).await?.pending;
    let mut letters = Vec::new();
    let mut pull = consumer.pull().await?;
    let mut asked = 0;
    while left > 0 && letters.len() < most {
        if asked == 0 {
            asked = WINDOW.min(most - letters.len());
            pull.more(asked).await?;
        }
        let quiet = deadline.min(Instant::now() + QUIET);
        let delivery = match tokio::time::timeout_at(quiet, pull.next()).await {
            Ok(Some(delivery)) => delivery?,
            Ok(None) => break,
            Err(_) => {
                // Somebody else may have removed what was left.
                left = waiting(consumer, deadline).await?;
                continue;
            }
        };
        asked -= 1;
        left = delivery.pending;
        delivery.settle(Settling::Ack).await?;
        letters.push(DeadLetter::read(stored(delivery)));
    }
    Ok(letters)
}

/// How many are not read yet, those on their way included. Errors: `Timeout` behind the deadline.
async fn waiting(consumer: &dyn Consumer, deadline: Instant) -> Result<u64> {
    let status = consumer.status(deadline).await?;
    let left = status.pending + status.ack_pending;
    if left > 0 && Instant::now() >= deadline {
        return Err(observe::no_answer(&Subject::trusted(
            consumer.name().to_owned(),
        )));
    }
    Ok(left)
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
