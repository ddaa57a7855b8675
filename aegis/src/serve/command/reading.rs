//! The reading of one command's lanes, for as long as it is wanted: somebody who is free takes what is
//! most urgent, and what goes wrong is logged and begun anew.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;

use super::super::pauses::pause;
use super::super::server::spawn;
use super::lanes::Lanes;
use super::worker::CommandWorker;
use crate::client::{commands, dead_letters};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Settling;
use crate::port::Delivery;

/// How often it is looked how much waits.
const LOOK: Duration = Duration::from_secs(5);
/// How long the server may take to make what is missing.
const WITHIN: Duration = Duration::from_secs(10);

/// A reading that runs.
pub(in super::super) struct CommandReading {
    worker: Arc<CommandWorker>,
    task: AbortOnDropHandle<()>,
}

impl CommandReading {
    /// Takes nothing new, and gives back what was fetched and not begun. What runs goes on.
    pub(in super::super) async fn stop(self, deadline: Instant) {
        self.worker.stopping.cancel();
        let _ = tokio::time::timeout_at(deadline, self.task).await;
    }
}

/// Makes what a command needs, and reads from then on.
///
/// Errors: `NoService` if there is no JetStream, `Config` if a stream is there in another way.
pub(in super::super) async fn prepare(worker: &Arc<CommandWorker>) -> Result<CommandReading> {
    let client = &worker.shared.home.client;
    let settings = client.stream_settings();
    let deadline = Instant::now() + WITHIN;
    let ready = async {
        let streams = client.streams();
        streams.probe(deadline).await?;
        let dead = dead_letters(client.layout(), settings);
        client.saw_stream(&streams.ensure(dead, deadline).await?);
        worker.jobs.ready(deadline).await?;
        open(worker).await
    };
    let lanes = ready.await.map_err(|cause| {
        let text = format!("{} cannot get commands: {cause}", worker.row.source);
        Error::new(cause.kind(), text).because(cause)
    })?;
    let kept = settings.commands.kept();
    if kept < worker.ack_wait() * 10 {
        tracing::warn!(
            handler = worker.row.handler(), source = %worker.row.source, ?kept, ack_wait = ?worker.ack_wait(),
            "`commands.jobs_kept` is short: what came of a job may be forgotten before the queue has \
             let go of it, and then it runs again"
        );
    }
    let task = spawn(run(worker.clone(), lanes));
    let worker = worker.clone();
    Ok(CommandReading { worker, task })
}

async fn open(worker: &CommandWorker) -> Result<Lanes> {
    let client = &worker.shared.home.client;
    let spec = commands(client.layout(), &client.stream_settings().commands);
    let deadline = Instant::now() + WITHIN;
    let stream = client.streams().ensure(spec, deadline).await?;
    client.saw_stream(&stream);
    let lanes = Lanes::open(worker, &stream.name).await?;
    worker.reads(stream.created);
    worker.begins_to_listen();
    Ok(lanes)
}

async fn run(worker: Arc<CommandWorker>, lanes: Lanes) {
    let alive = spawn({
        let worker = worker.clone();
        async move { worker.keep_alive().await }
    });
    let mut failures = 0;
    let mut lanes = Some(lanes);
    while !worker.stopping.is_cancelled() {
        let begun = Instant::now();
        let ended = match lanes.take() {
            Some(open) => read(&worker, open).await,
            None => match open(&worker).await {
                Ok(open) => read_again(&worker, open).await,
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
        // That the connection was lost is told elsewhere.
        let is_news = error.kind() != ErrorKind::Disconnected;
        if let Some(unsaid) = is_news.then(|| worker.complaints.again()).flatten() {
            tracing::warn!(
                handler = worker.row.handler(), %error, unsaid, ?wait,
                "commands cannot be read: begins anew"
            );
        }
        let _ = tokio::time::timeout(wait, worker.stopping.cancelled()).await;
    }
    worker.note_heard(None);
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

async fn read_again(worker: &Arc<CommandWorker>, mut lanes: Lanes) -> Result<()> {
    tracing::info!(handler = worker.row.handler(), "commands are read again");
    look(worker, &mut lanes).await?;
    read(worker, lanes).await
}

/// Reads until it is stopped. Errors: what makes another beginning necessary.
async fn read(worker: &Arc<CommandWorker>, mut lanes: Lanes) -> Result<()> {
    let mut looks = tokio::time::interval_at(Instant::now() + LOOK, LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ended = loop {
        if looks.tick().now_or_never().is_some() {
            if let Err(error) = look(worker, &mut lanes).await {
                break Err(error);
            }
            worker.note_heard(Some(Instant::now()));
        }
        match turn(worker, &mut lanes).await {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    for delivery in lanes.withdraw().await {
        hand_back(delivery).await;
    }
    ended
}

/// Takes what there is room for, or waits; tells whether to go on.
async fn turn(worker: &Arc<CommandWorker>, lanes: &mut Lanes) -> Result<bool> {
    // Who is done from here on is heard of.
    let freed = worker.freed.notified();
    tokio::pin!(freed);
    freed.as_mut().enable();
    // What came to a lane that is stood at is not left lying behind what is fetched.
    while worker.busy() < worker.limit
        && let Some(next) = lanes.next().now_or_never()
    {
        take_from(worker, lanes, next?);
    }
    let free = worker.limit.saturating_sub(worker.busy());
    if free > 0 {
        let found = lanes.fetch(free).await?;
        let is_empty = found.is_empty();
        for delivery in found {
            take(worker, delivery);
        }
        worker.note_heard(Some(Instant::now()));
        if worker.stopping.is_cancelled() {
            return Ok(false);
        }
        if !is_empty {
            return Ok(true);
        }
        lanes.stand().await?;
    }
    loop {
        tokio::select! {
            biased;
            () = worker.stopping.cancelled() => return Ok(false),
            () = &mut freed => return Ok(true),
            next = lanes.next() => {
                let delivery = next?;
                if free == 0 {
                    // Somebody else may have time; whoever is done here first asks for it.
                    hand_back(delivery).await;
                    continue;
                }
                take_from(worker, lanes, delivery);
                return Ok(true);
            }
            () = tokio::time::sleep(LOOK) => return Ok(true),
        }
    }
}

/// Takes what came to a lane that was stood at.
fn take_from(worker: &Arc<CommandWorker>, lanes: &mut Lanes, delivery: Delivery) {
    let layout = worker.shared.home.client.layout();
    let lane = layout.command_of(delivery.message.subject.as_str());
    lanes.started(lane.map(|(_, _, priority)| priority));
    take(worker, delivery);
}

/// Looks how much waits.
async fn look(worker: &CommandWorker, lanes: &mut Lanes) -> Result<()> {
    let waiting = lanes.waiting().await?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a count of commands is far below 2^52"
    )]
    worker.figures.waiting.set(waiting.commands as f64);
    if let Some(lane) = waiting.full
        && let Some(unsaid) = worker.complaints.again()
    {
        tracing::warn!(
            handler = worker.row.handler(), %lane, unsaid,
            "so many commands of this priority are delayed, or wait for another attempt, that nothing \
             new of it will be begun: send fewer ahead of their time"
        );
    }
    Ok(())
}

/// Works on a delivery, in a task of its own.
fn take(worker: &Arc<CommandWorker>, delivery: Delivery) {
    let id = worker.job_of(&delivery);
    // It is worked on here, and was delivered again because that was not heard.
    let Some(slot) = worker.slot(delivery, id) else {
        return;
    };
    let worker = worker.clone();
    worker
        .shared
        .tasks
        .clone()
        .spawn(async move { worker.work(slot).await });
}

async fn hand_back(delivery: Delivery) {
    let after = Duration::ZERO;
    if let Err(error) = delivery.settle(Settling::Retry { after }).await {
        tracing::debug!(%error, "a command was not handed back: it comes again after its ack wait");
    }
}
