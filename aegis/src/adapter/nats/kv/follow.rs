//! A watch: one session after the other, each going on where the last one ended.

use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::bucket::NatsBucket;
use super::config::StreamInfo;
use super::session::{Begin, Deliver, Lost, Pulse, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{BucketStatus, KvFilter};
use crate::observe;
use crate::port::{Bus, ConnectionState, KvEvent, KvWatch, WatchFrom, WatchHealth};

/// Events that wait for the reader; then the server is not asked for more.
const ROOM: usize = 64;
/// One attempt to go on.
const ATTEMPT: Duration = Duration::from_secs(5);
const SLOWEST_ATTEMPTS: Duration = Duration::from_secs(2);
/// A bucket that is made anew while we look: so often it is looked at again.
const LOOKS: usize = 5;

type Events = mpsc::Sender<Result<KvEvent>>;

/// Where a watch is.
struct Follower {
    bucket: NatsBucket,
    filter: KvFilter,
    /// Which making of the bucket it follows.
    created: String,
    /// The last revision that was looked at.
    last: u64,
    /// The reader knows everything that was there at the beginning.
    ready: bool,
    /// One for all sessions.
    pulse: Pulse,
}

/// Why a session was left.
enum End {
    /// Nobody reads, or the connection was closed on purpose.
    Final,
    /// It is of no more use.
    Lost,
}

/// Starts a watch; what does not work at the start is an error here.
pub(super) async fn start(
    bucket: NatsBucket,
    filter: KvFilter,
    from: WatchFrom,
    deadline: Instant,
) -> Result<KvWatch> {
    let mut follower = Follower {
        bucket,
        filter,
        created: String::new(),
        last: 0,
        ready: false,
        pulse: Pulse::new(),
    };
    let (session, _) = follower
        .begin(deadline, |info| match from {
            WatchFrom::Latest => (Deliver::Latest, 0),
            WatchFrom::New => (
                Deliver::From(info.last_revision() + 1),
                info.last_revision(),
            ),
            WatchFrom::Revision(revision) => (Deliver::From(revision), revision.saturating_sub(1)),
        })
        .await?;
    let (events, mut receiver) = mpsc::channel(ROOM);
    let (health, seen) = watch::channel(WatchHealth::Live);
    let pulse = follower.pulse.clone();
    tokio::spawn(follower.run(session, health, events));
    let events = stream::poll_fn(move |cx| receiver.poll_recv(cx));
    Ok(KvWatch::new(events.boxed(), seen, move || pulse.last()))
}

impl Follower {
    /// Opens a session where `plan` says, and is sure that bucket and plan belong together.
    async fn begin(
        &mut self,
        deadline: Instant,
        plan: impl Fn(&StreamInfo) -> (Deliver, u64),
    ) -> Result<(Session, Deliver)> {
        for _ in 0..LOOKS {
            let before = self.bucket.info(deadline).await?;
            let (deliver, last) = plan(&before);
            let begin = Begin {
                deliver,
                pulse: self.pulse.clone(),
            };
            let session = Session::open(&self.bucket, &self.filter, begin, deadline).await?;
            let after = self.bucket.info(deadline).await?;
            if before.created() == after.created() {
                before.created().clone_into(&mut self.created);
                self.last = last;
                return Ok((session, deliver));
            }
        }
        let name = &self.bucket.status.name;
        let text = format!("the bucket {name} is made anew again and again: find out by whom");
        Err(Error::new(ErrorKind::Conflict, text))
    }

    async fn run(
        mut self,
        mut session: Session,
        health: watch::Sender<WatchHealth>,
        // The last one, and so the first to go: whoever sees that the health is gone can see the
        // end of the events.
        events: Events,
    ) {
        while let End::Lost = self.listen(&mut session, &events).await {
            let since = self.pulse.last();
            drop(session);
            health.send_replace(WatchHealth::Stale { since });
            let next = tokio::select! {
                () = events.closed() => return,
                next = self.again(&events, since) => next,
            };
            session = match next {
                Some(session) => session,
                None => return,
            };
            health.send_replace(WatchHealth::Live);
        }
    }

    /// Hands on what comes.
    async fn listen(&mut self, session: &mut Session, events: &Events) -> End {
        loop {
            if session.is_caught_up()
                && !std::mem::replace(&mut self.ready, true)
                && events.send(Ok(KvEvent::Ready)).await.is_err()
            {
                return End::Final;
            }
            let entry = tokio::select! {
                () = events.closed() => return End::Final,
                entry = session.next_or_caught_up() => match entry {
                    Ok(Some(entry)) => entry,
                    Ok(None) => continue,
                    Err(reason) => {
                        tracing::debug!(?reason, bucket = self.bucket.status.name, "a watch begins again");
                        if self.is_closed() {
                            return End::Final;
                        }
                        return tell_refusal(reason, events).await;
                    }
                },
            };
            self.last = entry.revision;
            if self.filter.matches(&entry.key)
                && events.send(Ok(KvEvent::Entry(entry))).await.is_err()
            {
                return End::Final;
            }
        }
    }

    /// Tries to go on until it can; none when the connection was closed on purpose.
    async fn again(&mut self, events: &Events, since: Instant) -> Option<Session> {
        let mut pause = Duration::from_millis(20);
        let mut told = false;
        loop {
            match self.resume(events, since).await {
                Ok(session) => return session,
                Err(_) if self.is_closed() => return None,
                Err(error) => {
                    let passing = matches!(
                        error.kind(),
                        ErrorKind::Timeout | ErrorKind::Disconnected | ErrorKind::Overloaded
                    );
                    if !passing && !told {
                        told = true;
                        events.send(Err(error)).await.ok()?;
                    }
                }
            }
            tokio::time::sleep(pause.mul_f64(1.0 + observe::chance() / 5.0)).await;
            pause = (pause * 2).min(SLOWEST_ATTEMPTS);
        }
    }

    /// One attempt; no session if nobody reads any more.
    async fn resume(&mut self, events: &Events, since: Instant) -> Result<Option<Session>> {
        let (created, last) = (self.created.clone(), self.last);
        let patience = patience(&self.bucket.status);
        let goes_on = |info: &StreamInfo| {
            info.created() == created
                && info.last_revision() >= last
                && patience.is_none_or(|patience| since.elapsed() < patience)
        };
        let deadline = Instant::now() + ATTEMPT;
        let (session, deliver) = self
            .begin(deadline, |info| {
                if goes_on(info) {
                    (Deliver::From(last + 1), last)
                } else {
                    (Deliver::Latest, 0)
                }
            })
            .await?;
        if deliver != Deliver::Latest {
            return Ok(Some(session));
        }
        self.ready = false;
        let told = events.send(Ok(KvEvent::Reset)).await;
        Ok(told.is_ok().then_some(session))
    }

    fn is_closed(&self) -> bool {
        *self.bucket.api.bus.state().borrow() == ConnectionState::Closed
    }
}

/// Tells the reader of what is not permitted, and waits a little: it would be so again.
async fn tell_refusal(reason: Lost, events: &Events) -> End {
    match reason {
        Lost::Failed(error) if error.kind() == ErrorKind::Denied => {
            if events.send(Err(error)).await.is_err() {
                return End::Final;
            }
            tokio::time::sleep(SLOWEST_ATTEMPTS).await;
        }
        _ => {}
    }
    End::Lost
}

/// After how long marks of deletions and expiries may be gone that nobody told us of: then
/// everything is told anew.
fn patience(status: &BucketStatus) -> Option<Duration> {
    let kept = status.ttl.into_iter().chain(status.marker_ttl).min();
    kept.map(|time| time / 2)
}
