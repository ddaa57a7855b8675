//! The reading of one handler's events, for as long as it is wanted: what goes wrong is logged, and
//! begun anew where it was.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::super::server::spawn;
use super::place::{Left, Term, Tried, spec};
use super::reach::warn_of_loss;
use super::worker::Worker;
use crate::client::{dead_letters, events};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ConsumerSpec, ConsumerStatus, DeliverFrom, RetryPolicy, StreamStatus};
use crate::observe;
use crate::port::{Consumer, Pull};

/// How often the place in the stream is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How long one question to the server may take.
const WITHIN: Duration = Duration::from_secs(5);

/// Between two beginnings: 50 ms, doubled up to 2 s.
fn pauses() -> RetryPolicy {
    RetryPolicy::default()
        .max_attempts(u32::MAX)
        .initial_delay(Duration::from_millis(50))
        .max_delay(Duration::from_secs(2))
        .jitter(0.25)
}

/// Where a handler is in the stream, as it was seen last.
#[derive(Debug, Clone, Copy)]
struct Position {
    /// The stream it is in: one made anew has another time.
    created: OffsetDateTime,
    /// Everything up to here is done with.
    floor: u64,
}

/// A reading that runs.
pub(in super::super) struct Reading {
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl Reading {
    /// Takes nothing new, and gives back what was fetched and not begun. What runs goes on.
    pub(in super::super) async fn stop(self, deadline: Instant) {
        self.stop.cancel();
        let _ = tokio::time::timeout_at(deadline, self.task).await;
    }
}

/// What one reading knows.
pub(in super::super) struct Reader {
    worker: Arc<Worker>,
    /// As which epoch it reads, and how often it has begun, if its handler is exclusive.
    term: Option<Term>,
    position: Option<Position>,
}

impl Reader {
    pub(in super::super) fn new(worker: Arc<Worker>, epoch: Option<u64>) -> Self {
        Self {
            worker,
            term: epoch.map(|epoch| Term { epoch, session: 0 }),
            position: None,
        }
    }

    /// Reads from now on, in a task of its own.
    pub(in super::super) fn start(self) -> Reading {
        let stop = CancellationToken::new();
        let task = spawn(self.run(stop.clone()));
        Reading { stop, task }
    }

    async fn run(mut self, stop: CancellationToken) {
        let worker = self.worker.clone();
        let alive = spawn({
            let worker = worker.clone();
            async move { worker.keep_alive().await }
        });
        let mut failures = 0;
        let listening = Listening::begin(&worker);
        while !stop.is_cancelled() {
            let begun = Instant::now();
            let ended = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                opened = self.open() => match opened {
                    Ok(consumer) => self.read(&consumer, &stop).await,
                    Err(error) => Err(error),
                },
            };
            let Err(error) = ended else { break };
            if begun.elapsed() > LOOK {
                failures = 0;
            }
            failures += 1;
            worker.figures.resumed.increment(1);
            let wait = pauses().delay(failures, observe::chance());
            let wait = wait.unwrap_or(LOOK);
            // That a leadership ended is told elsewhere.
            let is_news = error.kind() != ErrorKind::NotActive;
            if let Some(unsaid) = is_news.then(|| worker.complaints.again()).flatten() {
                tracing::warn!(
                    handler = worker.row.name, %error, unsaid, ?wait,
                    "events cannot be read: begins anew"
                );
            }
            let _ = tokio::time::timeout(wait, stop.cancelled()).await;
        }
        drop(listening);
        // What runs is kept alive until it has ended, or the instance has.
        while worker.busy() > 0 {
            worker.freed.notified().await;
        }
        drop(alive);
    }

    /// Makes what is missing, and begins where it was.
    pub(in super::super) async fn open(&mut self) -> Result<Arc<dyn Consumer>> {
        self.ensure()?;
        let worker = self.worker.clone();
        let client = &worker.shared.home.client;
        let deadline = Instant::now() + WITHIN;
        let stream = self.stream(deadline).await?;
        if let Some(term) = &mut self.term {
            term.session += 1;
        }
        let name = worker.place.consumer(self.term);
        let mut spec = spec(&worker.handler, client.layout(), name);
        match self.position {
            // All that is in it came since.
            Some(position) if position.created != stream.created => {
                worker.forget_settled();
                spec.from = DeliverFrom::All;
            }
            Some(position) => spec.from = DeliverFrom::Sequence(position.floor + 1),
            None => {}
        }
        let consumer = match self.term {
            None => client.streams().consumer(&stream.name, spec, deadline),
            Some(term) => return self.take_over(&stream, spec, term.epoch, deadline).await,
        };
        let consumer = consumer.await?;
        self.look(&consumer, stream.created, deadline).await?;
        Ok(consumer)
    }

    /// Errors: `NotActive` if only a leader may read, and this one leads no more.
    fn ensure(&self) -> Result<()> {
        if self.worker.may_read(self.term.map(|term| term.epoch)) {
            return Ok(());
        }
        let text = format!(
            "another instance may lead and handle {}",
            self.worker.row.name
        );
        Err(Error::new(ErrorKind::NotActive, text))
    }

    /// The stream of events, which is made if it is missing.
    async fn stream(&self, deadline: Instant) -> Result<StreamStatus> {
        let client = &self.worker.shared.home.client;
        let streams = client.streams();
        let (layout, settings) = (client.layout(), client.stream_settings());
        let wanted = events(layout, settings);
        match streams.status(&wanted.name, deadline).await? {
            // It was made to be what is asked for when the program started.
            Some(found) if self.position.is_some() => Ok(found),
            _ => {
                let dead = dead_letters(layout, settings);
                streams.ensure(dead, deadline).await?;
                streams.ensure(wanted, deadline).await
            }
        }
    }

    /// Goes on where the leader before ended, or this one before its connection was lost. Each has a
    /// consumer of its own: so a leader of the past, which may be frozen and wake up, gets nothing
    /// any more, and what was on its way is delivered anew at once.
    async fn take_over(
        &mut self,
        stream: &StreamStatus,
        mut spec: ConsumerSpec,
        epoch: u64,
        deadline: Instant,
    ) -> Result<Arc<dyn Consumer>> {
        let worker = &self.worker;
        let streams = worker.shared.home.client.streams();
        let own = |name: &str| worker.place.owns(name);
        let all = streams.consumers(&stream.name, &own, deadline).await?;
        // It takes most of that time if a server of the cluster is down.
        let deadline = Instant::now() + WITHIN;
        let left = Left::by(&worker.place, &all);
        if let Some(other) = left.epoch.filter(|other| *other > epoch) {
            let text = format!("epoch {other} handles the events of {}", worker.row.name);
            return Err(Error::new(ErrorKind::NotActive, text));
        }
        let again = matches!(self.position, Some(position) if position.created == stream.created);
        let own = again.then(|| worker.settled());
        let floor = left.floor.max(own);
        if let Some(floor) = floor {
            spec.from = DeliverFrom::Sequence(floor + 1);
        }
        let tried = left.tried.filter(|tried| Some(tried.sequence) > floor);
        spec.description = tried.map(Tried::describe);
        worker.note_tried(tried);
        let own = spec.name.clone();
        let consumer = streams.consumer(&stream.name, spec, deadline).await?;
        for name in left.consumers.iter().filter(|name| **name != own) {
            streams
                .remove_consumer(&stream.name, name, deadline)
                .await?;
        }
        self.look(&consumer, stream.created, deadline).await?;
        Ok(consumer)
    }

    /// Notes where it is.
    async fn look(
        &mut self,
        consumer: &Arc<dyn Consumer>,
        created: OffsetDateTime,
        deadline: Instant,
    ) -> Result<ConsumerStatus> {
        let status = consumer.status(deadline).await?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "a count of events is far below 2^52"
        )]
        let pending = status.pending as f64;
        self.worker.figures.pending.set(pending);
        self.position = Some(Position {
            created,
            floor: status.ack_floor,
        });
        Ok(status)
    }

    /// Reads until it is stopped. Errors: what makes another beginning necessary.
    async fn read(&mut self, consumer: &Arc<dyn Consumer>, stop: &CancellationToken) -> Result<()> {
        let worker = self.worker.clone();
        let mut pull = consumer.pull().await?;
        let heard = pull.heard();
        worker.note_heard(Some(Instant::now()));
        let most = worker.limit;
        let few = (most / 4).max(1);
        let mut asked = 0;
        let mut looks = tokio::time::interval_at(Instant::now() + LOOK, LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let free = most.saturating_sub(worker.busy() + asked);
            if free >= few || (asked == 0 && free > 0) {
                pull.more(free).await?;
                asked += free;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    give_back(&worker, pull).await;
                    return Ok(());
                }
                next = pull.next() => {
                    let delivery = next.unwrap_or_else(|| Err(silent()))?;
                    asked = asked.saturating_sub(1);
                    self.ensure()?;
                    worker.take(delivery).await;
                }
                () = worker.freed.notified() => {}
                _ = looks.tick() => {
                    worker.note_heard(Some(heard()));
                    worker.figures.stale.set(heard().elapsed().as_secs_f64());
                    self.look_again(consumer).await?;
                }
            }
        }
    }

    async fn look_again(&mut self, consumer: &Arc<dyn Consumer>) -> Result<()> {
        let Some(position) = self.position else {
            return Ok(());
        };
        let deadline = Instant::now() + WITHIN;
        match self.look(consumer, position.created, deadline).await {
            Ok(status) => {
                warn_of_loss(&self.worker, &status, deadline).await;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::NoService => Err(error),
            // Deliveries tell soon enough whether the server is there.
            Err(_) => Ok(()),
        }
    }
}

/// Somebody reads, and should hear something of the server now and then.
struct Listening(Arc<Worker>);

impl Listening {
    fn begin(worker: &Arc<Worker>) -> Self {
        worker.note_heard(Some(Instant::now()));
        Self(worker.clone())
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.note_heard(None);
        self.0.figures.stale.set(0.0);
    }
}

fn silent() -> Error {
    let text = "the deliveries ended without a reason";
    Error::new(ErrorKind::Disconnected, text)
}

/// Takes nothing new, and hands what was delivered and not begun to whoever has time.
async fn give_back(worker: &Worker, mut pull: Pull) {
    if let Err(error) = pull.stop().await {
        tracing::debug!(handler = worker.row.name, %error, "the deliveries did not end cleanly");
        return;
    }
    while let Some(Ok(delivery)) = pull.next().await {
        worker.give_back(&delivery).await;
    }
}
