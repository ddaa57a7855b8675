//! The course of a leadership: won, fenced, active, renewed again and again, given up or lost.

use super::event::{Action, Claim, Moment, NoAnswer, Outcome};
use super::machine::{Election, again};
use super::state::{Known, Leader, Phase, Renewal, Role, Step};
use crate::model::Expect;

impl Election {
    /// The end of a lease whose write was sent at `since`: counted from before it left.
    pub(super) fn until(&self, since: Moment, now: Moment) -> Moment {
        #[cfg(test)]
        if self.mutant == Some(super::check::Mutant::FromTheAnswer) {
            return now + self.failover.held();
        }
        let _ = now;
        since + self.failover.held()
    }

    pub(super) fn lead(&mut self, now: Moment, random: u64, actions: &mut Vec<Action>) {
        if self.alone_at().is_some_and(|time| now >= time) {
            self.drain(actions);
        }
        let Role::Leader(leader) = &self.role else {
            return;
        };
        let mut leader = leader.clone();
        let within = self.patiently().min(leader.until.saturating_sub(now));
        if matches!(leader.phase, Phase::Fence(step) if step.is_due(now)) {
            let (op, epoch) = (self.number(), leader.epoch);
            leader.phase = Phase::Fence(Step::Asked(op));
            actions.push(Action::RaiseFence { op, epoch, within });
        }
        match leader.renewal {
            Renewal::At(_) if leader.gives_up => {
                return self.release(&leader, now, random, actions);
            }
            Renewal::At(time) if now >= time => {
                let op = self.number();
                leader.renewal = Renewal::Writes { op, since: now };
                actions.push(Action::Write {
                    op,
                    claim: self.claim(leader.term, Some(leader.epoch), random),
                    expect: Expect::Revision(leader.revision),
                    within,
                });
            }
            Renewal::Reads(step) if step.is_due(now) => {
                let op = self.number();
                leader.renewal = Renewal::Reads(Step::Asked(op));
                actions.push(Action::Read { op, within });
            }
            _ => {}
        }
        self.role = Role::Leader(leader);
    }

    /// When a leader whom nobody can reach gives up. It may still be able to renew its lease: the
    /// connection that calls come through is another one.
    pub(super) fn alone_at(&self) -> Option<Moment> {
        self.disconnected.map(|time| time + self.failover.held())
    }

    pub(super) fn renewed(
        &mut self,
        op: u64,
        outcome: Outcome,
        now: Moment,
        random: u64,
        actions: &mut Vec<Action>,
    ) {
        let renew = self.failover.renew();
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let Renewal::Writes { op: asked, since } = leader.renewal else {
            return;
        };
        if asked != op {
            return;
        }
        match outcome {
            Outcome::Done(revision) => {
                leader.revision = revision;
                leader.renewal = Renewal::At(since + renew);
                let until = self.until(since, now);
                self.extend(until, actions);
            }
            Outcome::Refused => leader.renewal = Renewal::Reads(Step::At(now)),
            Outcome::Unknown => leader.renewal = Renewal::At(now + again(random)),
        }
    }

    fn extend(&mut self, until: Moment, actions: &mut Vec<Action>) {
        if let Role::Leader(leader) = &mut self.role {
            leader.until = leader.until.max(until);
            let (epoch, until) = (leader.epoch, leader.until);
            actions.push(Action::Extend { epoch, until });
        }
    }

    pub(super) fn read_after_refusal(
        &mut self,
        answer: Result<Option<(u64, Claim)>, NoAnswer>,
        now: Moment,
        random: u64,
        actions: &mut Vec<Action>,
    ) {
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        match answer {
            Err(NoAnswer) => leader.renewal = Renewal::Reads(Step::At(now + again(random))),
            // An earlier renewal of ours, whose answer was lost.
            Ok(Some((revision, claim)))
                if claim.boot == self.boot && claim.term == leader.term && !claim.released =>
            {
                leader.revision = revision;
                leader.renewal = Renewal::At(now);
            }
            Ok(found) => {
                self.step_down(now, actions);
                self.observe(found, now, random);
            }
        }
    }

    pub(super) fn fenced(
        &mut self,
        op: u64,
        answer: Option<bool>,
        now: Moment,
        random: u64,
        actions: &mut Vec<Action>,
    ) {
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        if leader.phase != Phase::Fence(Step::Asked(op)) {
            return;
        }
        match answer {
            Some(true) => {
                leader.phase = Phase::Activating;
                let epoch = leader.epoch;
                actions.push(Action::Activate { epoch });
            }
            // It was raised by hand, or copied here: without a wait this would go on and on.
            Some(false) => {
                self.step_down(now, actions);
                self.patience = now + self.failover.lease();
            }
            None => leader.phase = Phase::Fence(Step::At(now + again(random))),
        }
    }

    pub(super) fn activated(&mut self, epoch: u64, able: bool, actions: &mut Vec<Action>) {
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        if leader.epoch != epoch || leader.phase != Phase::Activating {
            return;
        }
        if able {
            leader.phase = Phase::Serving;
        } else {
            // Another one may be able to.
            self.drain(actions);
        }
    }

    /// Takes nothing new; what runs may end, and the lease is kept for it.
    pub(super) fn drain(&mut self, actions: &mut Vec<Action>) {
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let epoch = leader.epoch;
        match std::mem::replace(&mut leader.phase, Phase::Draining) {
            Phase::Draining => {}
            // Nothing was begun.
            Phase::Fence(_) => leader.gives_up = true,
            Phase::Activating | Phase::Serving => actions.push(Action::Drain { epoch }),
        }
    }

    pub(super) fn drained(&mut self, epoch: u64) {
        if let Role::Leader(leader) = &mut self.role
            && leader.epoch == epoch
            && leader.phase == Phase::Draining
        {
            leader.gives_up = true;
        }
    }

    /// It has ended, or may have: nothing is done in its name any more.
    pub(super) fn step_down(&mut self, now: Moment, actions: &mut Vec<Action>) {
        let Role::Leader(leader) = &self.role else {
            return;
        };
        let epoch = leader.epoch;
        actions.push(Action::Lost {
            epoch,
            given_up: false,
        });
        let ours = self.claim(leader.term, Some(epoch), 0);
        let revision = leader.revision;
        self.observe(Some((revision, ours)), now, 0);
        self.follow_again(now);
    }

    /// Gives the leadership up, so that another takes it at once.
    fn release(&mut self, leader: &Leader, now: Moment, random: u64, actions: &mut Vec<Action>) {
        let epoch = leader.epoch;
        actions.push(Action::Lost {
            epoch,
            given_up: true,
        });
        let op = self.number();
        let mut claim = self.claim(leader.term, Some(epoch), random);
        claim.released = true;
        actions.push(Action::Write {
            op,
            claim,
            expect: Expect::Revision(leader.revision),
            within: self.patiently(),
        });
        // The answer tells nothing that a read does not.
        self.known = Known::Nothing;
        self.role = Role::Releasing { op };
        self.others_first = now + self.failover.lease() * 2;
    }
}
