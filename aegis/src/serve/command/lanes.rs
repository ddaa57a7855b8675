//! The lanes of one command: where its messages wait, by their priority.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{ConsumerSpec, DeliverFrom, Pattern, Priority, Turns, handler_place};
use crate::port::{Consumer, Delivery, Pull};

use super::worker::CommandWorker;

/// How long one question to the server may take.
const WITHIN: Duration = Duration::from_secs(5);
/// Most that are asked for at once.
const MOST: usize = 256;
/// Messages of a lane that may be in hands, or wait for their time or for another attempt, in all
/// workers together. As long as more do, nothing new of that lane is delivered.
const MOST_PENDING: u32 = 100_000;
/// It is said before that.
const NEARLY: u64 = 90_000;

/// The lanes of one command.
pub(super) struct Lanes {
    all: Vec<Lane>,
    turns: Turns,
}

struct Lane {
    priority: Priority,
    consumer: Arc<dyn Consumer>,
    pull: Option<Pull>,
    /// One message is asked for, and nothing has come: nothing waits here.
    asked: bool,
}

impl Lanes {
    /// Makes what is missing.
    pub(super) async fn open(worker: &CommandWorker, stream: &str) -> Result<Self> {
        let streams = worker.shared.home.client.streams();
        let deadline = Instant::now() + WITHIN;
        let mut all = Vec::new();
        for priority in Priority::ALL {
            let consumer = streams.consumer(stream, spec(worker, priority)?, deadline);
            all.push(Lane {
                priority,
                consumer: consumer.await?,
                pull: None,
                asked: false,
            });
        }
        Ok(Self {
            all,
            turns: Turns::default(),
        })
    }

    /// What waits, the most urgent first, at most so many, without waiting for more.
    pub(super) async fn fetch(&mut self, free: usize) -> Result<Vec<Delivery>> {
        let mut empty: Vec<bool> = self.all.iter().map(|lane| lane.asked).collect();
        let mut found = Vec::new();
        while found.len() < free {
            let next = self.turns.next(|lane| empty[lane.lane()]);
            let Some((priority, most)) = next else { break };
            let most = most.map_or(MOST, |most| usize::try_from(most).unwrap_or(MOST));
            let wanted = most.min(free - found.len()).min(MOST);
            let at = priority.lane();
            let fetched = self.all[at].consumer.fetch(wanted, Instant::now() + WITHIN);
            let fetched = match fetched.await {
                Ok(fetched) => fetched,
                // What is here already is not left lying.
                Err(_) if !found.is_empty() => break,
                Err(error) => return Err(error),
            };
            let count = u32::try_from(fetched.len()).unwrap_or(u32::MAX);
            if count == 0 {
                self.turns.empty(priority);
            } else {
                self.turns.started(priority, count);
            }
            empty[at] = fetched.len() < wanted;
            found.extend(fetched);
        }
        Ok(found)
    }

    /// Asks to be told of the next message of every lane.
    pub(super) async fn stand(&mut self) -> Result<()> {
        for lane in self.all.iter_mut().filter(|lane| !lane.asked) {
            let pull = match &mut lane.pull {
                Some(pull) => pull,
                none => none.insert(lane.consumer.pull().await?),
            };
            pull.more(1).await?;
            lane.asked = true;
            self.turns.empty(lane.priority);
        }
        Ok(())
    }

    /// The next message of a lane that is stood at.
    pub(super) async fn next(&mut self) -> Result<Delivery> {
        let (at, delivery) = std::future::poll_fn(|cx| {
            for (at, lane) in self.all.iter_mut().enumerate() {
                let Some(pull) = &mut lane.pull else { continue };
                let next = std::pin::pin!(pull.next());
                if let Poll::Ready(next) = next.poll(cx) {
                    return Poll::Ready((at, next));
                }
            }
            Poll::Pending
        })
        .await;
        let lane = &mut self.all[at];
        lane.asked = false;
        let delivery = delivery.unwrap_or_else(|| Err(silent()));
        if delivery.is_err() {
            lane.pull = None;
        }
        delivery
    }

    /// One that was taken after [`next`](Self::next) has begun.
    pub(super) fn started(&mut self, lane: Option<Priority>) {
        if let Some(priority) = lane {
            self.turns.started(priority, 1);
        }
    }

    /// Stands at no lane any more; what came nevertheless is to be handed back.
    pub(super) async fn withdraw(mut self) -> Vec<Delivery> {
        let pulls: Vec<Pull> = self
            .all
            .iter_mut()
            .filter_map(|lane| lane.pull.take())
            .collect();
        let ends = pulls.into_iter().map(async |mut pull| {
            let mut left = Vec::new();
            if let Err(error) = pull.stop().await {
                tracing::debug!(%error, "a lane was not left cleanly");
                return left;
            }
            while let Some(Ok(delivery)) = pull.next().await {
                left.push(delivery);
            }
            left
        });
        join_all(ends).await.concat()
    }

    /// How much waits. Errors: `NoService` if a lane is gone.
    pub(super) async fn waiting(&mut self) -> Result<Waiting> {
        let deadline = Instant::now() + WITHIN;
        let asked = self.all.iter().map(|lane| lane.consumer.status(deadline));
        let all = join_all(asked).await;
        let mut waiting = Waiting::default();
        for (lane, status) in self.all.iter().zip(all) {
            let status = status?;
            waiting.commands += status.pending;
            if status.ack_pending >= NEARLY {
                waiting.full = Some(lane.priority);
            }
        }
        Ok(waiting)
    }
}

/// What waits in the lanes.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// How many commands were not delivered yet.
    pub(super) commands: u64,
    /// A lane of which nearly as many are in hands, or wait for their time, as may.
    pub(super) full: Option<Priority>,
}

fn spec(worker: &CommandWorker, priority: Priority) -> Result<ConsumerSpec> {
    let home = &worker.shared.home;
    let command = worker.command()?;
    let lane = home
        .client
        .layout()
        .command(&home.service, &command, priority);
    let place = handler_place(home.service.as_str(), worker.row.name);
    let mut spec = ConsumerSpec::new(format!("{place}__{priority}"));
    spec.filters = vec![Pattern::from(lane)];
    spec.from = DeliverFrom::All;
    spec.ack_wait = worker.ack_wait();
    spec.max_ack_pending = MOST_PENDING;
    Ok(spec)
}

fn silent() -> Error {
    let text = "the deliveries ended without a reason";
    Error::new(ErrorKind::Disconnected, text)
}
