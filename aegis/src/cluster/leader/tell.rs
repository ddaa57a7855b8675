//! What an election tells others: the standing, the log, the metrics.

use std::sync::Arc;
use std::time::Duration;

use super::campaign::{Campaign, Candidate};
use super::seat::Found;
use crate::error::Result;
use crate::lease::{Holder, Lease, Standing};
use crate::model::{Claim, Moment};

impl Campaign {
    /// Logs what went wrong, seldom: it is tried again and again.
    pub(super) fn noting<T>(&self, outcome: Result<T>) -> Option<T> {
        let error = match outcome {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        self.failures.increment(1);
        if let Some(unsaid) = self.seldom.again() {
            let Candidate { service, group, .. } = &self.who;
            tracing::warn!(%service, group, %error, unsaid, "the record of the leader cannot be reached");
        }
        None
    }

    /// A lease that is not much longer than the way to the server is lost at the first trouble.
    pub(super) fn warn_of_slowness(&mut self, took: Duration) {
        let lease = self.who.failover.lease();
        let is_slow = took > lease / 10;
        self.slow = self.slow << 1 | u64::from(is_slow);
        // More than one of the last 64: once is an accident.
        if !is_slow || self.slow.count_ones() < 2 {
            return;
        }
        if let Some(unsaid) = self.slow_seldom.again() {
            let Candidate { service, group, .. } = &self.who;
            tracing::warn!(
                %service, group, ?took, ?lease, unsaid,
                "renewals take more than a tenth of the lease: choose a calmer `failover`"
            );
        }
    }

    /// Remembers who leads, for those who ask for it.
    pub(super) fn see(&self, found: Found) -> Option<(u64, Claim)> {
        let (revision, record) = found?;
        let claim = record.claim();
        let lease = if claim.released {
            Duration::ZERO
        } else {
            claim.lease
        };
        let holder = Holder {
            epoch: record.epoch(revision),
            until: self.who.clock.now() + lease,
            instance: record.instance_id,
        };
        self.standing
            .send_if_modified(|standing| standing.see(holder));
        Some((revision, claim))
    }

    pub(super) fn extend(&mut self, epoch: u64, until: Moment) {
        match &self.lease {
            Some(lease) if lease.epoch() == epoch => lease.extend(until),
            // The first one of a term.
            _ => self.lease = Some(Arc::new(Lease::new(self.who.clock, epoch, until))),
        }
        self.standing.send_if_modified(|standing| {
            if let (Some(_), Some(holder)) = (&standing.lease, &mut standing.holder) {
                holder.until = until;
            }
            false
        });
    }

    pub(super) fn active(&self, epoch: u64) {
        let Candidate { service, group, .. } = &self.who;
        tracing::info!(%service, group, epoch, "leads");
        self.terms.increment(1);
        let lease = self.lease.clone();
        let holder = Holder {
            instance: self.who.instance.to_string(),
            epoch,
            until: self.who.clock.now() + lease.as_ref().map_or(Duration::ZERO, |held| held.left()),
        };
        self.standing.send_replace(Standing {
            lease,
            drains: false,
            holder: Some(holder),
        });
    }

    /// Nothing may be done any more in the name of the epoch.
    pub(super) fn over(&mut self, given_up: bool) {
        let Some(lease) = self.lease.take() else {
            return;
        };
        let was_valid = lease.is_valid();
        if given_up {
            lease.give_up();
        } else {
            lease.end();
        }
        let Candidate { service, group, .. } = &self.who;
        let epoch = lease.epoch();
        if was_valid {
            tracing::info!(%service, group, epoch, "leads no more");
        } else {
            tracing::warn!(%service, group, epoch, "leads no more: the lease could not be renewed in time");
        }
        self.standing.send_modify(|standing| {
            standing.lease = None;
            standing.drains = false;
        });
    }
}
