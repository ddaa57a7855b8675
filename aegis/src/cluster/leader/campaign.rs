//! The election of one instance at work: what it asks for is done, what comes of it is told to it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{BoxStream, FuturesUnordered, StreamExt};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::seat::{Found, Seat};
use crate::error::{ErrorKind, Result};
use crate::lease::{Clock, Lease, Standing};
use crate::model::{
    Action, Claim, Election, ElectionEvent as Event, Failover, InstanceId, LeaderRecord, NoAnswer,
    Outcome, ServiceName,
};
use crate::observe::{self, Seldom};
use crate::port::ConnectionState;

/// What is still on its way when an election ends is given up after this.
const LAST_WORDS: Duration = Duration::from_millis(250);
/// After the store was not allowed, how much later than in vain it is asked again.
const DENIED: Duration = Duration::from_secs(1);

/// Who takes part, and where.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) service: ServiceName,
    pub(crate) group: String,
    pub(crate) instance: InstanceId,
    pub(crate) failover: Failover,
    pub(crate) clock: Clock,
    /// The store loses nothing: where there is no record, nobody leads.
    pub(crate) lossless: bool,
}

/// The election of one instance.
pub(crate) struct Campaign {
    pub(super) who: Candidate,
    seat: Seat,
    election: Election,
    /// Every connection that a leader needs.
    connections: Vec<watch::Receiver<ConnectionState>>,
    pub(super) standing: watch::Sender<Standing>,
    orders: mpsc::Receiver<Order>,
    told: BoxStream<'static, (u64, LeaderRecord)>,
    asked: FuturesUnordered<BoxFuture<'static, Heard>>,
    /// Of the term that was won last, until it is over.
    pub(super) lease: Option<Arc<Lease>>,
    elected_at: String,
    /// It shall end: nothing is waited for any more.
    leaves: CancellationToken,
    pub(super) seldom: Seldom,
    /// Which of the last 64 writes took more than a tenth of the lease.
    pub(super) slow: u64,
    pub(super) slow_seldom: Seldom,
    renewals: metrics::Counter,
    pub(super) failures: metrics::Counter,
    pub(super) terms: metrics::Counter,
}

/// What the instance says to its election.
#[derive(Debug)]
enum Order {
    Activated { epoch: u64, able: bool },
    Drained { epoch: u64 },
    StandAside,
    Leave,
}

/// An answer, with the record it was about.
enum Heard {
    Read(u64, Result<Found>),
    /// With what was written, and the time it took.
    Wrote(u64, Result<Outcome>, LeaderRecord, Duration),
    Told(Result<()>),
    Fenced(u64, Result<bool>),
}

impl Heard {
    /// The server does not allow it.
    fn is_denied(&self) -> bool {
        let error = match self {
            Self::Read(_, answer) => answer.as_ref().err(),
            Self::Wrote(_, answer, ..) => answer.as_ref().err(),
            Self::Fenced(_, answer) => answer.as_ref().err(),
            // Nothing follows from that.
            Self::Told(_) => None,
        };
        error.is_some_and(|error| error.kind() == ErrorKind::Denied)
    }
}

/// A part in an election. Dropping it ends that; the lease then runs out.
#[derive(Debug, Clone)]
pub(crate) struct Candidacy {
    standing: watch::Receiver<Standing>,
    orders: mpsc::Sender<Order>,
}

impl Candidacy {
    /// What is known of who leads, to look at or to wait for.
    pub(crate) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// The instance has begun to lead, or cannot.
    pub(crate) async fn activated(&self, epoch: u64, able: bool) {
        let _ = self.orders.send(Order::Activated { epoch, able }).await;
    }

    /// What ran while it led has ended.
    pub(crate) async fn drained(&self, epoch: u64) {
        let _ = self.orders.send(Order::Drained { epoch }).await;
    }

    /// Another instance shall lead, if there is one.
    pub(crate) async fn stand_aside(&self) {
        let _ = self.orders.send(Order::StandAside).await;
    }

    /// Waits until the election has ended.
    pub(crate) async fn ended(&self) {
        self.orders.closed().await;
    }

    /// This instance shall not lead any more; returns when it is known, or when the election has
    /// ended by itself.
    pub(crate) async fn leave(&self) {
        if self.orders.send(Order::Leave).await.is_ok() {
            self.orders.closed().await;
        }
    }
}

impl Campaign {
    /// A part in an election, and what plays it: to be run where nothing holds it up.
    pub(crate) fn start(
        who: Candidate,
        seat: Seat,
        connections: Vec<watch::Receiver<ConnectionState>>,
        standing: watch::Sender<Standing>,
    ) -> (Candidacy, impl Future<Output = ()> + Send + 'static) {
        let labels = [
            ("service", who.service.to_string()),
            ("group", who.group.clone()),
        ];
        let election = Election::new(observe::random(), who.failover);
        let (candidacy, received) = {
            let (orders, received) = mpsc::channel(8);
            let standing = standing.subscribe();
            (Candidacy { standing, orders }, received)
        };
        let campaign = Self {
            election: if who.lossless {
                election.on_lossless_store()
            } else {
                election
            },
            who,
            told: seat.told(),
            seat,
            connections,
            standing,
            orders: received,
            asked: FuturesUnordered::new(),
            lease: None,
            elected_at: String::new(),
            leaves: CancellationToken::new(),
            seldom: Seldom::default(),
            slow: 0,
            slow_seldom: Seldom::default(),
            renewals: metrics::counter!(observe::LEADER_RENEWALS, &labels),
            failures: metrics::counter!(observe::LEADER_FAILURES, &labels),
            terms: metrics::counter!(observe::LEADER_TERMS, &labels),
        };
        (candidacy, campaign.run())
    }

    async fn run(mut self) {
        let mut event = self.connection();
        loop {
            let now = self.who.clock.now();
            let actions = self.election.on(event, now, observe::random());
            for action in actions {
                if action == Action::End {
                    return self.finish().await;
                }
                self.act(action);
            }
            let now = self.who.clock.now();
            let rest = self.election.wake_at(now).saturating_sub(now);
            event = tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(order) => {
                        if matches!(order, Order::Leave) {
                            self.leaves.cancel();
                        }
                        order.event()
                    }
                    // Nobody is left who could lead.
                    None => return self.over(false),
                },
                Some(heard) = self.asked.next(), if !self.asked.is_empty() => self.hear(heard),
                Some(told) = self.told.next() => Event::Seen(self.see(Some(told))),
                () = changed(&mut self.connections) => self.connection(),
                () = tokio::time::sleep(rest) => Event::Tick,
            };
        }
    }

    /// Tells what is still to be told, above all that the lease was given up: who does not hear
    /// that waits until it would have run out.
    async fn finish(mut self) {
        let told = async { while self.asked.next().await.is_some() {} };
        let _ = tokio::time::timeout(LAST_WORDS, told).await;
    }

    fn connection(&self) -> Event {
        let up = |state: &watch::Receiver<ConnectionState>| {
            *state.borrow() == ConnectionState::Connected
        };
        if self.connections.iter().all(up) {
            Event::Connected
        } else {
            Event::Disconnected
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Read { op, within } => self.ask(within, move |seat, deadline| async move {
                Heard::Read(op, seat.read(deadline).await)
            }),
            Action::Write {
                op,
                claim,
                expect,
                within,
            } => {
                let record = self.record(&claim);
                self.ask(within, move |seat, deadline| async move {
                    let sent = Instant::now();
                    let written = seat.write(&record, expect, deadline).await;
                    Heard::Wrote(op, written, record, sent.elapsed())
                });
            }
            Action::RaiseFence { op, epoch, within } => {
                self.ask(within, move |seat, deadline| async move {
                    Heard::Fenced(op, seat.raise(epoch, deadline).await)
                });
            }
            Action::Extend { epoch, until } => self.extend(epoch, until),
            Action::Activate { epoch } => self.active(epoch),
            Action::Drain { .. } => self.standing.send_modify(|standing| standing.drains = true),
            Action::Lost { given_up, .. } => self.over(given_up),
            Action::End => {}
        }
    }

    /// Asks the store; no answer in time is an answer as well.
    fn ask<F>(&mut self, within: Duration, ask: impl FnOnce(Seat, Instant) -> F)
    where
        F: Future<Output = Heard> + Send + 'static,
    {
        let deadline = Instant::now() + within;
        let asking = ask(self.seat.clone(), deadline);
        let leaves = self.leaves.clone();
        let patiently = async move {
            let heard = asking.await;
            if heard.is_denied() {
                // It comes at once, again and again, and somebody has to change it first.
                let pause = tokio::time::sleep_until(deadline + DENIED);
                leaves.run_until_cancelled(pause).await;
            }
            heard
        };
        self.asked.push(patiently.boxed());
    }

    fn record(&mut self, claim: &Claim) -> LeaderRecord {
        let now = OffsetDateTime::now_utc()
            .format(&Rfc3339)
            .unwrap_or_default();
        if claim.epoch.is_none() {
            self.elected_at.clone_from(&now);
        }
        let mut record = LeaderRecord::new(claim);
        record.instance_id = self.who.instance.to_string();
        record.elected_at.clone_from(&self.elected_at);
        record.last_heartbeat = now;
        record
    }

    fn hear(&mut self, heard: Heard) -> Event {
        match heard {
            Heard::Read(op, read) => {
                let read = self.noting(read).ok_or(NoAnswer);
                let answer = read.map(|found| self.see(found));
                Event::Read { op, answer }
            }
            Heard::Wrote(op, written, record, took) => {
                let outcome = self.noting(written).unwrap_or(Outcome::Unknown);
                if let Outcome::Done(revision) = outcome {
                    self.renewals.increment(1);
                    let seat = self.seat.clone();
                    let tell = async move { Heard::Told(seat.tell(revision, record).await) };
                    self.asked.push(tell.boxed());
                }
                self.warn_of_slowness(took);
                Event::Wrote { op, outcome }
            }
            Heard::Told(told) => {
                let _ = self.noting(told);
                Event::Tick
            }
            Heard::Fenced(op, raised) => {
                let answer = self.noting(raised);
                Event::Fenced { op, answer }
            }
        }
    }
}

/// One of the connections is there again, or is not there any more.
async fn changed(connections: &mut [watch::Receiver<ConnectionState>]) {
    let changes = connections.iter_mut().map(|connection| {
        async {
            if connection.changed().await.is_err() {
                // It was closed on purpose; nothing else will be heard of it.
                std::future::pending::<()>().await;
            }
        }
        .boxed()
    });
    let mut changes: FuturesUnordered<_> = changes.collect();
    if changes.next().await.is_none() {
        std::future::pending::<()>().await;
    }
}

impl Order {
    fn event(self) -> Event {
        match self {
            Self::Activated { epoch, able } => Event::Activated { epoch, able },
            Self::Drained { epoch } => Event::Drained { epoch },
            Self::StandAside => Event::StandAside,
            Self::Leave => Event::Leave,
        }
    }
}
