//! Publishing of a leader: its fence in the stream is raised before the first event.

use tokio::time::Instant;

use super::super::core::Client;
use super::streams::events;
use crate::error::{Error, ErrorKind, Result};
use crate::lease::Leadership;
use crate::model::{ExpectSequence, Stored, StreamMessage, Subject};

/// An event is tried under so many fences: tasks of one leader may raise it again for one another.
const RAISES: u32 = 4;

/// The fence of a leader's group in the stream of events.
struct Fence<'a> {
    client: &'a Client,
    leader: &'a Leadership,
    stream: String,
    subject: Subject,
    /// How the leader remembers it, beside those of buckets.
    known: String,
}

/// Stores a message unless a newer leader has raised the fence.
pub(super) async fn store(
    client: &Client,
    message: StreamMessage,
    leader: &Leadership,
    deadline: Instant,
) -> Result<Stored> {
    let stream = client.layout().stream("EVENTS");
    let fence = Fence {
        subject: client.layout().fence(leader.service(), leader.group()),
        known: format!("stream {stream}"),
        client,
        leader,
        stream,
    };
    let mut last = None;
    for _ in 0..RAISES {
        leader.ensure()?;
        let sequence = match leader.fences().get(&fence.known) {
            Some(sequence) => sequence,
            None => fence.raise(deadline).await?,
        };
        match fence.send(message.clone(), sequence, deadline).await {
            // By a newer leader, which is found now; or by another task of this one. Or the stream
            // was made anew, and its fence is gone.
            Err(error) if error.kind() == ErrorKind::Conflict => last = Some(error),
            stored => return stored,
        }
        leader.fences().forget(&fence.known, sequence);
    }
    Err(last.unwrap_or_else(|| fence.off()))
}

impl Fence<'_> {
    /// Sends a message. If its outcome is not known, or nobody waits for it any more, it may land
    /// later: the next one raises the fence once more, which keeps it out.
    async fn send(
        &self,
        message: StreamMessage,
        sequence: u64,
        deadline: Instant,
    ) -> Result<Stored> {
        let under_way = self.leader.fences().under_way(&self.known, sequence);
        let subject = self.subject.clone();
        let message = message.expecting(ExpectSequence::LastOn { subject, sequence });
        let stored = self.client.streams().store(message, deadline).await;
        let unknown = stored.as_ref().is_err_and(|error| {
            let lost = matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Disconnected);
            lost && error.was_sent()
        });
        if !unknown {
            under_way.ended();
        }
        stored
    }

    /// Raises the fence to the leader's epoch, unless a greater one stands there.
    async fn raise(&self, deadline: Instant) -> Result<u64> {
        let streams = self.client.streams();
        let epoch = self.leader.epoch();
        loop {
            let found = streams.last(&self.stream, &self.subject, deadline).await;
            let found = match found {
                // Nobody has made the stream yet.
                Err(error) if error.kind() == ErrorKind::NoService => {
                    let settings = &self.client.shared.settings.streams;
                    let spec = events(self.client.layout(), settings);
                    streams.ensure(spec, deadline).await?;
                    None
                }
                found => found?,
            };
            let newest = found.as_ref().map_or(0, |message| message.sequence);
            let stands = found.as_ref().map(|message| read(&message.payload));
            let sequence = match stands.transpose()? {
                Some(found) if found > epoch => return Err(self.off()),
                // By another task of this leader.
                Some(found)
                    if found == epoch && !self.leader.fences().doubts(&self.known, newest) =>
                {
                    newest
                }
                _ => {
                    let message = StreamMessage::new(self.subject.clone(), epoch.to_string());
                    let message = message.expecting(ExpectSequence::LastOn {
                        subject: self.subject.clone(),
                        sequence: newest,
                    });
                    match streams.store(message, deadline).await {
                        // It is read again who was faster.
                        Err(error) if error.kind() == ErrorKind::Conflict => continue,
                        stored => stored?.sequence,
                    }
                }
            };
            // The limits of the stream may have taken the fence of a newer leader, which leads only since
            // this lease is over. Whoever leads after this answer raises a fence over this one.
            self.leader.ensure()?;
            self.leader.fences().learn(&self.known, sequence);
            return Ok(sequence);
        }
    }

    fn off(&self) -> Error {
        let (stream, epoch) = (&self.stream, self.leader.epoch());
        Error::new(
            ErrorKind::NotActive,
            format!(
                "the fence of the stream {stream} is not that of epoch {epoch} any more: a newer \
                 leader has taken over, and nothing was stored; stop, and leave the work to it"
            ),
        )
    }
}

fn read(payload: &[u8]) -> Result<u64> {
    let text = std::str::from_utf8(payload).ok();
    let epoch = text.and_then(|text| text.trim().parse().ok());
    epoch.ok_or_else(|| {
        let text = "a fence in the stream of events holds no epoch, so it cannot be told who \
                    leads: nothing was stored; look at the subjects `fences.events.>`, and whoever \
                    publishes there";
        Error::new(ErrorKind::Decode, text)
    })
}
