//! The reading of one handler's events, for as long as it is wanted: what goes wrong is logged, and
//! begun anew where it was.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::super::pauses::pause;
use super::super::server::spawn;
use super::place::{Left, Term, Tried, spec};
use super::reach::warn_of_loss;
use super::worker::{Held, Worker};
use crate::client::{dead_letters, events};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ConsumerStatus, DeliverFrom, StreamStatus};
use crate::port::{Consumer, Pull};

/// How often the place in the stream is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How long one question to the server may take.
const WITHIN: Duration = Duration::from_secs(5);

/// A consumer that is read from, and when its stream was made.
struct Source {
    consumer: Arc<dyn Consumer>,
    stream: OffsetDateTime,
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
}

impl Reader {
    pub(in super::super) fn new(worker: Arc<Worker>, epoch: Option<u64>) -> Self {
        Self {
            worker,
            term: epoch.map(|epoch| Term { epoch, session: 1 }),
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
                opened = self.begin() => match opened {
                    Ok(source) => {
                        if failures > 0 {
                            let handler = worker.place.handler();
                            tracing::info!(handler, "events are read again");
                        }
                        self.read(&source, &stop).await
                    }
                    Err(error) => Err(error),
                },
            };
            let Err(error) = ended else { break };
            if begun.elapsed() > LOOK {
                failures = 0;
            }
            failures += 1;
            worker.figures.resumed.increment(1);
            let wait = pause(failures);
            // That a leadership ended, or the connection was lost, is told elsewhere.
            let is_news = !matches!(error.kind(), ErrorKind::NotActive | ErrorKind::Disconnected);
            if let Some(unsaid) = is_news.then(|| worker.complaints.again()).flatten() {
                tracing::warn!(
                    handler = worker.place.handler(), %error, unsaid, ?wait,
                    "events cannot be read: begins anew"
                );
            }
            let _ = tokio::time::timeout(wait, stop.cancelled()).await;
        }
        drop(listening);
        // What runs is kept alive until it has ended, or the instance has.
        loop {
            let freed = worker.freed.notified();
            if worker.busy() == 0 {
                break;
            }
            freed.await;
        }
        drop(alive);
    }

    /// Makes what is missing, so that nothing is missed from then on.
    pub(in super::super) async fn open(&mut self) -> Result<()> {
        self.begin().await.map(drop)
    }

    /// Makes what is missing, and begins where it was.
    async fn begin(&mut self) -> Result<Source> {
        self.ensure()?;
        let worker = self.worker.clone();
        let deadline = Instant::now() + WITHIN;
        let stream = self.stream(deadline).await?;
        let consumer = match &mut self.term {
            Some(term) => {
                let consumer = take_over(&worker, &stream, *term, deadline).await?;
                // The next beginning has a consumer of its own.
                term.session += 1;
                consumer
            }
            None => go_on(&worker, &stream, deadline).await?,
        };
        let stream = stream.created;
        note(&worker, stream, &consumer.status(deadline).await?);
        Ok(Source { consumer, stream })
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
        let found = match streams.status(&wanted.name, deadline).await? {
            // It was made to be what is asked for when the program started.
            Some(found) if self.worker.whereabouts.knows() => found,
            _ => {
                let dead = dead_letters(layout, settings);
                client.saw_stream(&streams.ensure(dead, deadline).await?);
                streams.ensure(wanted, deadline).await?
            }
        };
        client.saw_stream(&found);
        Ok(found)
    }

    /// Reads until it is stopped. Errors: what makes another beginning necessary.
    async fn read(&mut self, source: &Source, stop: &CancellationToken) -> Result<()> {
        let worker = self.worker.clone();
        let mut pull = source.consumer.pull().await?;
        let heard = pull.heard();
        let most = worker.limit;
        let few = (most / 2).max(1);
        let mut asked = 0;
        let looking = looking(&worker, source, heard);
        tokio::pin!(looking);
        loop {
            // Who is done from here on is heard of.
            let freed = worker.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            let free = most.saturating_sub(worker.busy() + asked);
            if free >= few || (asked == 0 && free > 0) {
                pull.more(free).await?;
                asked += free;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    give_back(&worker, pull, source.stream).await;
                    return Ok(());
                }
                next = pull.next() => {
                    let delivery = next.unwrap_or_else(|| Err(silent()))?;
                    asked = asked.saturating_sub(1);
                    self.ensure()?;
                    worker.take(delivery, source.stream).await;
                }
                () = freed => {}
                gone = &mut looking => return Err(gone),
            }
        }
    }
}

/// Begins where this handler was; as it says if it has no place yet.
async fn go_on(
    worker: &Worker,
    stream: &StreamStatus,
    deadline: Instant,
) -> Result<Arc<dyn Consumer>> {
    let client = &worker.shared.home.client;
    let streams = client.streams();
    let known = worker.whereabouts.enter(stream.created);
    let name = worker.place.consumer(None);
    let mut spec = spec(&worker.handler, client.layout(), name);
    spec.from = known.from().unwrap_or(spec.from);
    let consumer = streams.consumer(&stream.name, spec.clone(), deadline);
    let consumer = consumer.await?;
    let found = consumer.status(deadline).await?;
    if !known.is_skipped_by(&found) {
        return Ok(consumer);
    }
    tracing::warn!(
        handler = worker.place.handler(),
        "its place in the stream was lost, and made anew by an instance that did not know where \
         it was: it goes on where it was"
    );
    let removed = streams.remove_consumer(&stream.name, &spec.name, deadline);
    removed.await?;
    streams.consumer(&stream.name, spec, deadline).await
}

/// Goes on where the leader before ended, or this one before its connection was lost. Each has a
/// consumer of its own: so a leader of the past, which may be frozen and wake up, gets nothing
/// any more, and what was on its way is delivered anew at once.
async fn take_over(
    worker: &Worker,
    stream: &StreamStatus,
    term: Term,
    deadline: Instant,
) -> Result<Arc<dyn Consumer>> {
    let client = &worker.shared.home.client;
    let streams = client.streams();
    let known = worker.whereabouts.enter(stream.created);
    let own = |name: &str| worker.place.owns(name);
    let all = streams.consumers(&stream.name, &own, deadline).await?;
    // It takes most of that time if a server of the cluster is down.
    let deadline = Instant::now() + WITHIN;
    let left = Left::by(&worker.place, &all);
    let epoch = term.epoch;
    if let Some(other) = left.epoch.filter(|other| *other > epoch) {
        let text = format!("epoch {other} handles the events of {}", worker.row.name);
        return Err(Error::new(ErrorKind::NotActive, text));
    }
    let name = worker.place.consumer(Some(term));
    let mut spec = spec(&worker.handler, client.layout(), name);
    let floor = known.floor_after(left.floor);
    if let Some(floor) = floor {
        spec.from = DeliverFrom::Sequence(floor + 1);
    }
    let tried = left.tried.filter(|tried| Some(tried.sequence) > floor);
    spec.description = tried.map(Tried::describe);
    worker.whereabouts.note_tried(stream.created, tried);
    let own = spec.name.clone();
    let consumer = streams.consumer(&stream.name, spec, deadline).await?;
    for name in left.consumers.iter().filter(|name| **name != own) {
        streams
            .remove_consumer(&stream.name, name, deadline)
            .await?;
    }
    Ok(consumer)
}

/// Notes where it is.
fn note(worker: &Worker, stream: OffsetDateTime, place: &ConsumerStatus) {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a count of events is far below 2^52"
    )]
    let pending = place.pending as f64;
    worker.figures.pending.set(pending);
    worker.whereabouts.note(stream, place);
}

/// Looks again and again, beside the reading; ends with the reason to begin anew.
async fn looking(
    worker: &Worker,
    source: &Source,
    heard: Arc<dyn Fn() -> Instant + Send + Sync>,
) -> Error {
    let mut looks = tokio::time::interval_at(Instant::now() + LOOK, LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let begun = Instant::now();
    loop {
        looks.tick().await;
        // That it has begun is no sign of the server: it may refuse every question.
        let at = heard();
        if at > begun {
            worker.note_heard(Some(at));
        }
        let deadline = Instant::now() + WITHIN;
        let known = worker.whereabouts.get(source.stream);
        let looked = source.consumer.status(deadline).await;
        match looked {
            Ok(status) if known.is_some_and(|known| known.is_skipped_by(&status)) => {
                return skipped();
            }
            Ok(status) => {
                note(worker, source.stream, &status);
                warn_of_loss(worker, &status, deadline).await;
            }
            Err(error) if error.kind() == ErrorKind::NoService => return error,
            // Deliveries tell soon enough whether the server is there.
            Err(_) => {}
        }
    }
}

fn skipped() -> Error {
    let text =
        "the place in the stream was made anew by an instance that did not know where it was";
    Error::new(ErrorKind::NoService, text)
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
        // Whoever reads now tells what waits.
        self.0.figures.pending.set(0.0);
    }
}

fn silent() -> Error {
    let text = "the deliveries ended without a reason";
    Error::new(ErrorKind::Disconnected, text)
}

/// Takes nothing new, and hands what was delivered and not begun to whoever has time.
async fn give_back(worker: &Worker, mut pull: Pull, stream: OffsetDateTime) {
    if let Err(error) = pull.stop().await {
        tracing::debug!(handler = worker.place.handler(), %error, "the deliveries did not end cleanly");
        return;
    }
    while let Some(Ok(delivery)) = pull.next().await {
        worker.give_back(&Held { delivery, stream }).await;
    }
}
