//! The part a program takes in the elections of its services: one per service with exclusive work.
//!
//! The election itself runs on the thread of the framework's own; what it decides is done here,
//! where user code runs.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{FutureExt, join_all};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::config::Config;
use super::control::Control;
use super::running::Started;
use crate::client::Client;
use crate::cluster::{Campaign, Candidacy, Candidate, LEADERS, Seat, Seats};
use crate::error::Result;
use crate::lease::{Leadership, Lease};
use crate::model::{Failover, Failure};
use crate::observe::Seldom;
use crate::serve::{Context, Exclusive, Home, Hooks};

/// `#[on_leader]` and `#[on_standby]` have ended by then, or are given up.
const HOOK: Duration = Duration::from_secs(30);
/// The giving up of a lease, beyond the ending of what runs.
const RELEASE: Duration = Duration::from_secs(2);

/// What a service says about its leadership.
#[derive(Debug, Clone, Copy)]
pub(super) struct Led {
    pub(super) group: &'static str,
    pub(super) failover: Failover,
}

/// All elections of a program. Dropping it ends its part in them; leases then run out.
pub(super) struct Leading {
    parts: Vec<Part>,
}

struct Part {
    candidacy: Candidacy,
    stage: AbortOnDropHandle<()>,
}

impl Leading {
    /// Takes part from now on.
    pub(super) fn start(
        config: &Config,
        client: &Client,
        control: &Control,
        started: &[Started],
    ) -> Result<Self> {
        let (bus, store) = control.ports(client);
        let control_state = bus.state();
        let name = client.layout().bucket(LEADERS);
        let seats = Seats::new((bus, store), name, config.leader_servers());
        let mut parts = Vec::new();
        for part in started {
            let (Some(led), Some(server)) = (&part.led, &part.server) else {
                continue;
            };
            let home = part.home.clone();
            let who = Candidate {
                service: home.service.clone(),
                group: led.group.to_owned(),
                instance: home.instance.clone(),
                failover: config.failover.unwrap_or(led.failover),
                clock: control.clock(),
                lossless: config.is_memory(),
            };
            tracing::debug!(service = %who.service, group = who.group, failover = %who.failover, "takes part in the election");
            let seat = Seat::new(seats.clone(), client.layout(), &who.service, led.group)?;
            let connections = vec![control_state.clone(), client.bus().state()];
            let clock = who.clock;
            let standing = part.standing.clone();
            let (candidacy, campaign) = Campaign::start(who, seat, connections, standing);
            let exclusive = server.exclusive();
            exclusive.gate().follow(candidacy.standing(), clock);
            let stage = Stage {
                home,
                group: led.group,
                hooks: part.hooks.clone(),
                exclusive,
                candidacy: candidacy.clone(),
                drain: config.drain_timeout,
                current: None,
                done: None,
                deaf: None,
                deafness: Seldom::new(),
            };
            // Whatever ends the stage ends the election: no lease is kept that nobody serves.
            let campaign = control.spawn(campaign);
            let stage = async move {
                stage.play().await;
                drop(campaign);
            };
            let stage = AbortOnDropHandle::new(tokio::spawn(stage));
            parts.push(Part { candidacy, stage });
        }
        Ok(Self { parts })
    }

    /// Gives up what is led, once what runs has ended, so that others lead at once.
    pub(super) async fn leave(self, deadline: Instant) {
        let leaving = self.parts.into_iter().map(|part| async move {
            part.candidacy.leave().await;
            // Its last hook may run still.
            let _ = part.stage.await;
        });
        let left = tokio::time::timeout_at(deadline + RELEASE, join_all(leaving)).await;
        if left.is_err() {
            tracing::warn!("a leadership could not be given up in time: it runs out by itself");
        }
    }
}

/// One service, which leads or stands by.
struct Stage {
    home: Arc<Home>,
    group: &'static str,
    hooks: Arc<dyn Hooks>,
    exclusive: Exclusive,
    candidacy: Candidacy,
    drain: Duration,
    /// What is served now.
    current: Option<u64>,
    /// The last one that was served, or that could not be.
    done: Option<u64>,
    /// The last one that was given up because nobody could be heard.
    deaf: Option<u64>,
    deafness: Seldom,
}

impl Stage {
    /// Does what the election decides, for as long as it goes on.
    async fn play(mut self) {
        let mut standing = self.candidacy.standing();
        let gate = self.exclusive.gate().clone();
        let mut refused = self.home.client.bus().refused();
        loop {
            let (lease, drains) = {
                let now = standing.borrow_and_update();
                (now.lease.clone(), now.drains)
            };
            self.step(lease, drains).await;
            tokio::select! {
                _ = standing.changed() => {}
                () = self.candidacy.ended() => return self.lose().await,
                () = gate.asked_to_stand_aside() => self.candidacy.stand_aside().await,
                () = self.is_deaf(&mut refused) => self.stand_aside_deaf().await,
            }
        }
    }

    /// Becomes ready when it leads, and NATS has begun to refuse what leaders listen to.
    async fn is_deaf(&self, refused: &mut watch::Receiver<Vec<String>>) {
        let own = |refused: &Vec<String>| refused.iter().any(|one| self.exclusive.listens(one));
        if self.current.is_none()
            || self.deaf == self.current
            || refused.wait_for(own).await.is_err()
        {
            std::future::pending::<()>().await;
        }
    }

    /// Nobody reaches it: another one may be allowed what it is not.
    async fn stand_aside_deaf(&mut self) {
        self.deaf = self.current;
        let service = &self.home.service;
        if let Some(unsaid) = self.deafness.again() {
            tracing::error!(%service, group = self.group, unsaid, "NATS refuses the calls of a leader: another instance may lead");
        }
        self.candidacy.stand_aside().await;
    }

    async fn step(&mut self, lease: Option<Arc<Lease>>, drains: bool) {
        let epoch = lease.as_ref().map(|lease| lease.epoch());
        if self.current.is_some() && self.current != epoch {
            self.lose().await;
        }
        let Some(lease) = lease else { return };
        let epoch = lease.epoch();
        if drains {
            if self.current.is_some() {
                let deadline = Instant::now() + self.drain;
                tokio::select! {
                    () = self.exclusive.drain(deadline) => {}
                    // It was lost meanwhile: another one may lead, and what runs was told.
                    () = lease.ended() => self.exclusive.shut(),
                }
                self.stand_by(epoch).await;
            }
            self.done = Some(epoch);
            self.candidacy.drained(epoch).await;
        } else if self.current.is_none() && self.done != Some(epoch) && lease.is_valid() {
            let able = self.lead(lease).await;
            self.candidacy.activated(epoch, able).await;
        }
    }

    /// Leads from now on; tells whether it can.
    async fn lead(&mut self, lease: Arc<Lease>) -> bool {
        let epoch = lease.epoch();
        self.done = Some(epoch);
        let Home {
            service, instance, ..
        } = &*self.home;
        let leader = Leadership::new(
            lease.clone(),
            service.clone(),
            self.group.to_owned(),
            instance.clone(),
        );
        let promoted = tokio::select! {
            biased;
            promoted = self.promote(&leader) => promoted,
            () = lease.ended() => Err(Failure::internal("the leadership was over before it ended")),
        };
        if let Err(failure) = promoted {
            tracing::error!(%service, group = self.group, epoch, %failure, "`#[on_leader]` failed: another instance may lead");
            // It may have begun something.
            self.stand_by(epoch).await;
            return false;
        }
        let opened = tokio::select! {
            opened = self.exclusive.open(leader) => opened,
            // A connection that is away does not keep us from the next leadership.
            () = lease.ended() => {
                self.exclusive.shut();
                self.stand_by(epoch).await;
                return false;
            }
        };
        if let Err(error) = opened {
            if let Some(unsaid) = self.deafness.again() {
                tracing::error!(service = %self.home.service, %error, unsaid, "exclusive methods cannot be served: another instance may lead");
            }
            self.exclusive.shut();
            self.stand_by(epoch).await;
            return false;
        }
        self.current = Some(epoch);
        true
    }

    async fn promote(&self, leader: &Leadership) -> Result<(), Failure> {
        let context = Context::of_hook(self.home.clone(), "on_leader");
        // What is written by hand may run before there is a future.
        let hook = context.around(async { self.hooks.lead(&context, leader).await });
        let hook = AssertUnwindSafe(hook).catch_unwind();
        match tokio::time::timeout(HOOK, hook).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Failure::internal("it panicked; the log says where")),
            Err(_) => Err(Failure::internal(format!("it did not end within {HOOK:?}"))),
        }
    }

    /// The leadership is over, whatever runs.
    async fn lose(&mut self) {
        if let Some(epoch) = self.current {
            self.exclusive.shut();
            self.stand_by(epoch).await;
        }
    }

    async fn stand_by(&mut self, epoch: u64) {
        self.current = None;
        let service = &self.home.service;
        let context = Context::of_hook(self.home.clone(), "on_standby");
        let hook = context.around(async { self.hooks.stand_by(&context).await });
        let hook = AssertUnwindSafe(hook).catch_unwind();
        match tokio::time::timeout(HOOK, hook).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::error!(%service, epoch, "`#[on_standby]` panicked"),
            Err(_) => {
                tracing::error!(%service, epoch, "`#[on_standby]` did not end within {HOOK:?}");
            }
        }
    }
}
