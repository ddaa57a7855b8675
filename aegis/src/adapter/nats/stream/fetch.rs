//! Asks a consumer for what is there, without waiting for more.
//!
//! The server answers with deliveries, and with a word when there are fewer than asked for; that
//! ends the question. An end before it is brought about by us: what may be on its way then is
//! waited for by a task of its own, and handed back.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::super::api::Api;
use super::super::bus::stuck;
use super::arrival::{self, Arrivals};
use super::credit::MOST_OUTSTANDING;
use super::failure;
use super::mailbox::{Mailbox, Mailboxes};
use super::settle::NatsSettle;
use super::standing::Standing;
use super::verdict::Verdict;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Subject, header};
use crate::port::{Delivery, Message, Outgoing};

/// A question that is not answered for so long may be one that waits: the consumer is looked at.
const SILENCE: Duration = Duration::from_millis(25);
/// It is looked at again after a silence so many times as long ...
const LONGER: u32 = 4;
/// ... and after this one at the latest.
const LONGEST: Duration = Duration::from_secs(1);
/// How long a look may take.
const LOOK: Duration = Duration::from_secs(2);
/// What is on its way to a question that was given up comes within so long.
const LATE: Duration = Duration::from_secs(5);

/// Where one consumer is asked.
pub(super) struct Desk {
    api: Api,
    stream: String,
    consumer: String,
    /// Where questions go.
    next: Subject,
    arrivals: Arrivals,
    kept: Mailboxes,
}

/// One question, and what came for it.
struct Question {
    desk: Arc<Desk>,
    mailbox: Mailbox,
    /// Where the server says how it ends.
    reply: Subject,
    /// How many may still come.
    left: usize,
    came: Vec<Delivery>,
    end: End,
}

/// How far a question is from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// More may come.
    Open,
    /// Nothing more comes, and its mailbox is as good as new.
    Answered,
    /// Nothing more comes, as nothing is received any more.
    Stopped,
}

/// A question that somebody waits for; what comes when they have gone away is handed back.
struct Asked(Option<Question>);

/// What is there, at most so many.
pub(super) async fn begin(
    desk: &Arc<Desk>,
    most: usize,
    deadline: Instant,
) -> Result<Vec<Delivery>> {
    if most == 0 {
        return Ok(Vec::new());
    }
    let question = tokio::time::timeout_at(deadline, desk.question(most)).await;
    let question = question.unwrap_or_else(|_| Err(stuck(&desk.next)))?;
    let mut asked = Asked(Some(question));
    let Some(question) = &mut asked.0 else {
        return Ok(Vec::new());
    };
    let answered = match question.send(deadline).await {
        Ok(()) => question.answered(deadline).await,
        Err(error) => Err(error),
    };
    let came = mem::take(&mut question.came);
    if came.is_empty() {
        answered?;
    }
    Ok(came)
}

impl Desk {
    pub(super) fn new(api: Api, stream: &str, consumer: &str, settles: Arc<NatsSettle>) -> Self {
        let next = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
        Self {
            api,
            stream: stream.to_owned(),
            consumer: consumer.to_owned(),
            next: Subject::trusted(next),
            arrivals: Arrivals::new(settles),
            kept: Mailboxes::default(),
        }
    }

    async fn question(self: &Arc<Self>, most: usize) -> Result<Question> {
        let mailbox = match self.kept.take() {
            Some(mailbox) => Some(mailbox),
            None => Mailbox::open(&self.api.bus).await?,
        };
        let mut mailbox = mailbox.ok_or_else(|| self.lost())?;
        Ok(Question {
            desk: self.clone(),
            reply: mailbox.next_reply(),
            mailbox,
            // What fits into the queue of a subscription.
            left: most.min(usize::try_from(MOST_OUTSTANDING).unwrap_or(usize::MAX)),
            came: Vec::new(),
            end: End::Open,
        })
    }

    /// Looks at the consumer after a silence; nothing if it does not tell in time.
    async fn look(&self, silence: Duration) -> Result<Option<Standing>> {
        tokio::time::sleep(silence).await;
        let (stream, consumer) = (&self.stream, &self.consumer);
        let what = format!("CONSUMER.INFO.{stream}.{consumer}");
        let (nothing, deadline) = (json!({}), Instant::now() + LOOK);
        match self.api.ask::<Standing>(&what, &nothing, deadline).await {
            Ok(Ok(standing)) => Ok(Some(standing)),
            Ok(Err(refusal)) => Err(failure::of_consumer(stream, consumer, refusal)),
            Err(error) if error.kind() == ErrorKind::Timeout => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn lost(&self) -> Error {
        let (stream, consumer) = (&self.stream, &self.consumer);
        Error::new(
            ErrorKind::Disconnected,
            format!(
                "there is no connection to NATS, or it was lost while the consumer {consumer} of \
                 the stream {stream} was asked for what is there: ask again"
            ),
        )
    }

    fn silent(&self) -> Error {
        let next = &self.next;
        Error::new(
            ErrorKind::Timeout,
            format!(
                "no answer on {next} in time, or it was lost as another server took over: ask \
                 again, and check that this user may publish there and receive on its inbox"
            ),
        )
    }
}

impl Question {
    async fn send(&mut self, deadline: Instant) -> Result<()> {
        let next = &self.desk.next;
        self.desk.api.bus.watch.denials.retract(next.as_str());
        let body = format!("{{\"batch\":{},\"no_wait\":true}}", self.left);
        let message = Outgoing::new(next.clone(), body).with_reply(self.reply.clone());
        let sending = self.desk.api.bus.publish_now(message);
        let sent = tokio::time::timeout_at(deadline, sending).await;
        sent.unwrap_or_else(|_| Err(stuck(next)))
    }

    /// Takes what comes, to the end.
    async fn answered(&mut self, deadline: Instant) -> Result<()> {
        let desk = self.desk.clone();
        let mut connection = self.mailbox.connection.clone();
        let (mut silence, mut before) = (SILENCE, None);
        while self.end == End::Open {
            let standing = tokio::select! {
                biased;
                message = self.mailbox.messages.next() => {
                    self.hear(message.ok_or_else(|| desk.lost())?)?;
                    (silence, before) = (SILENCE, None);
                    continue;
                }
                error = desk.api.bus.watch.denials.refusal(desk.next.as_str()) => {
                    self.end = End::Answered;
                    return Err(error);
                }
                _ = connection.changed() => return Err(desk.lost().after_sending()),
                standing = desk.look(silence) => standing?,
                () = tokio::time::sleep_until(deadline) => return Err(desk.silent()),
            };
            if let Some(standing) = standing {
                if standing.has_nothing(before.as_ref()) {
                    return self.stop(deadline).await;
                }
                if silence == LONGEST && standing.has_no_question(before.as_ref()) {
                    return Err(desk.silent());
                }
                before = Some(standing);
            }
            silence = LONGEST.min(silence * LONGER);
        }
        Ok(())
    }

    /// Takes a message, or what the server says.
    fn hear(&mut self, message: Message) -> Result<()> {
        let desk = &self.desk;
        let (stream, consumer) = (&desk.stream, &desk.consumer);
        if !self.mailbox.is_word(&message.subject) {
            let delivery = desk.arrivals.read(message, stream, consumer);
            self.came.extend(delivery);
            self.left = self.left.saturating_sub(1);
            if self.left == 0 {
                self.end = End::Answered;
            }
            return Ok(());
        }
        if message.subject != self.reply {
            return Ok(());
        }
        let text = |name| message.headers.get(name).unwrap_or_default();
        let (status, description) = (text(header::STATUS), text(header::DESCRIPTION));
        let verdict = Verdict::of(status, description);
        if verdict != Verdict::Alive {
            self.end = End::Answered;
        }
        match verdict {
            Verdict::Alive | Verdict::Ended => Ok(()),
            // Nobody has looked: that is no "nothing".
            Verdict::Gone | Verdict::Moves => Err(failure::no_consumer(stream, consumer)),
            Verdict::TooMany => Err(failure::too_many(stream, consumer)),
            Verdict::Refused => Err(failure::no_pulling(stream, consumer, status, description)),
        }
    }

    /// Has the server forget a question that waits: it does when nobody listens. What it has sent by
    /// then is taken.
    async fn stop(&mut self, deadline: Instant) -> Result<()> {
        let stop = self.mailbox.messages.stop_handle();
        let stopped = tokio::time::timeout_at(deadline, stop()).await;
        stopped.unwrap_or_else(|_| Err(self.desk.silent()))?;
        while let Some(message) = self.mailbox.messages.next().await {
            // The word that it has ended comes too late to say anything new.
            let _ = self.hear(message);
        }
        self.end = End::Stopped;
        Ok(())
    }

    /// Waits for what is on its way, and hands back everything.
    async fn give_up(mut self) {
        let late = Instant::now() + LATE;
        let waited = self.answered(late).await;
        if self.end == End::Open && self.mailbox.is_current() {
            // It ends in a time of its own, and with an error only if nothing comes any more.
            let _ = self.stop(late + LATE).await;
        }
        let count = self.came.len();
        let Desk {
            stream, consumer, ..
        } = &*self.desk;
        tracing::debug!(stream, consumer, count, ?waited, "a question was given up");
        for delivery in &self.came {
            // Without a connection it comes again after its ack wait.
            if arrival::hand_back(delivery).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let Some(question) = self.0.take() else {
            return;
        };
        match question.end {
            End::Answered => question.desk.kept.keep(question.mailbox),
            End::Open if question.mailbox.is_current() => {
                if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    runtime.spawn(question.give_up());
                }
            }
            End::Open | End::Stopped => {}
        }
    }
}
