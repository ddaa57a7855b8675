//! How an instance waits for its turn, and tries to win it.

use std::time::Duration;

use super::event::{Action, Claim, Moment, NoAnswer, Outcome};
use super::machine::{Election, again, portion};
use super::state::{Asked, Known, Leader, Phase, Renewal, Role, Step};
use crate::model::Expect;

/// Followers of one leader do not all come at once.
const JITTER: Duration = Duration::from_millis(30);

/// What follows from what is known.
impl Election {
    /// The newest revision wins, and keeps the time at which it was seen first: to hear of it late
    /// makes us wait longer, never shorter. Tells whether it is a newer one.
    pub(super) fn observe(
        &mut self,
        found: Option<(u64, Claim)>,
        now: Moment,
        random: u64,
    ) -> bool {
        let Some((revision, claim)) = found else {
            self.observe_nothing(now);
            return false;
        };
        let newest = match &self.known {
            Known::Record { revision, .. } => *revision,
            Known::Nothing | Known::Missing { .. } => 0,
        };
        if revision <= newest {
            return false;
        }
        self.jitter = portion(JITTER, random);
        if claim.boot != self.boot {
            self.others_first = Moment::ZERO;
        }
        self.known = Known::Record {
            revision,
            claim,
            at: now,
        };
        true
    }

    /// A bucket that was lost says nothing of the leader whose record was in it: whoever was seen
    /// there last keeps the whole lease, and so does whoever may have been there unseen.
    fn observe_nothing(&mut self, now: Moment) {
        let waits = match &self.known {
            Known::Nothing => false,
            Known::Missing { .. } => true,
            Known::Record { claim, at, .. } => {
                claim.boot != self.boot && !claim.released && now < *at + claim.lease
            }
        };
        if !waits {
            self.known = Known::Missing { at: now };
        }
    }

    /// When we may try to win; none while there is nothing to go by.
    pub(super) fn due(&self) -> Option<Moment> {
        let connected = self.connected?;
        let due = match &self.known {
            Known::Nothing => return None,
            Known::Missing { .. } if self.trusts_a_missing_record() => connected,
            Known::Missing { at } => (*at).max(connected) + self.failover.lease() + self.jitter,
            Known::Record { claim, at, .. } if claim.released => *at + self.jitter,
            // Our own, of a term that has ended: nobody else acts on it.
            Known::Record { claim, at, .. } if claim.boot == self.boot => *at,
            Known::Record { claim, at, .. } => (*at).max(connected) + claim.lease + self.jitter,
        };
        Some(due.max(self.patience).max(self.others_first))
    }

    fn trusts_a_missing_record(&self) -> bool {
        #[cfg(test)]
        if self.mutant == Some(super::check::Mutant::TrustsALostStore) {
            return true;
        }
        self.lossless
    }

    fn expected(&self) -> Expect {
        #[cfg(test)]
        if self.mutant == Some(super::check::Mutant::BlindTakeOver) {
            return Expect::Any;
        }
        match &self.known {
            Known::Record { revision, .. } => Expect::Revision(*revision),
            Known::Nothing | Known::Missing { .. } => Expect::Absent,
        }
    }

    pub(super) fn follow(&mut self, now: Moment, random: u64, actions: &mut Vec<Action>) {
        if self.leaving {
            self.role = Role::Ended;
            actions.push(Action::End);
            return;
        }
        if self.connected.is_none() {
            return;
        }
        if self.due().is_some_and(|due| now >= due) {
            self.term += 1;
            let op = self.number();
            let claim = self.claim(self.term, None, random);
            actions.push(Action::Write {
                op,
                claim: claim.clone(),
                expect: self.expected(),
                within: self.patiently(),
            });
            self.role = Role::Candidate {
                op,
                since: now,
                claim,
            };
        } else if now >= self.next_read {
            let op = self.number();
            self.next_read = now + self.failover.lease();
            let reads = Some(Asked { op, at: now });
            self.role = Role::Follower { reads };
            actions.push(Action::Read {
                op,
                within: self.patiently(),
            });
        }
    }

    fn followed(
        &mut self,
        asked: Moment,
        answer: Result<Option<(u64, Claim)>, NoAnswer>,
        now: Moment,
        random: u64,
    ) {
        let Ok(found) = answer else {
            let pause = again(random) * 2_u32.pow(self.stumbles.min(6));
            self.stumbles = self.stumbles.saturating_add(1);
            self.next_read = now + pause.min(self.failover.lease());
            return;
        };
        self.stumbles = 0;
        if let Some(found) = found {
            self.went_back(&found, asked, now);
        }
    }

    /// A read shows an older record than the one that was seen before it was asked: the store went
    /// back, or what was told of it was wrong. What stands there counts, seen now.
    fn went_back(&mut self, found: &(u64, Claim), asked: Moment, now: Moment) {
        if let Known::Record { revision, at, .. } = &self.known
            && found.0 < *revision
            && *at <= asked
        {
            let (revision, claim) = found.clone();
            self.known = Known::Record {
                revision,
                claim,
                at: now,
            };
        }
    }

    pub(super) fn follow_again(&mut self, now: Moment) {
        self.role = Role::Follower { reads: None };
        self.next_read = now;
    }
}

/// What answers mean to a follower and to a candidate.
impl Election {
    pub(super) fn read(
        &mut self,
        op: u64,
        answer: Result<Option<(u64, Claim)>, NoAnswer>,
        now: Moment,
        random: u64,
        actions: &mut Vec<Action>,
    ) {
        if let Ok(found) = &answer {
            self.observe(found.clone(), now, random);
        }
        match &mut self.role {
            Role::Follower { reads: Some(asked) } if asked.op == op => {
                let asked = asked.at;
                self.role = Role::Follower { reads: None };
                self.followed(asked, answer, now, random);
            }
            Role::Candidate {
                op: asked,
                since,
                claim,
            } if *asked == op => {
                let found = answer.ok().flatten();
                let won = found.filter(|(_, there)| there.nonce == claim.nonce);
                let (since, term) = (*since, claim.term);
                self.follow_again(now);
                if let Some((revision, _)) = won {
                    self.win(revision, term, since, now, actions);
                } else {
                    // The write may still come to pass.
                    self.patience = self.patience.max(now + again(random));
                }
            }
            Role::Leader(leader) if leader.renewal == Renewal::Reads(Step::Asked(op)) => {
                self.read_after_refusal(answer, now, random, actions);
            }
            _ => {}
        }
    }

    pub(super) fn wrote(
        &mut self,
        op: u64,
        outcome: Outcome,
        now: Moment,
        random: u64,
        actions: &mut Vec<Action>,
    ) {
        match &self.role {
            Role::Candidate {
                op: asked,
                since,
                claim,
            } if *asked == op => {
                let (since, claim) = (*since, claim.clone());
                self.tried(since, claim, outcome, now, random, actions);
            }
            Role::Leader(_) => self.renewed(op, outcome, now, random, actions),
            Role::Releasing { op: asked } if *asked == op => self.follow_again(now),
            _ => {}
        }
    }

    fn tried(
        &mut self,
        since: Moment,
        claim: Claim,
        outcome: Outcome,
        now: Moment,
        random: u64,
        actions: &mut Vec<Action>,
    ) {
        match outcome {
            Outcome::Done(revision) => {
                let term = claim.term;
                self.observe(Some((revision, claim)), now, random);
                self.win(revision, term, since, now, actions);
            }
            Outcome::Refused => {
                // What we know is not what stands there: it is read before the next try.
                self.known = Known::Nothing;
                self.follow_again(now);
                let op = self.number();
                self.next_read = now + self.failover.lease();
                self.patience = self.patience.max(now + again(random));
                let reads = Some(Asked { op, at: now });
                self.role = Role::Follower { reads };
                let within = self.patiently();
                actions.push(Action::Read { op, within });
            }
            Outcome::Unknown => {
                let op = self.number();
                self.role = Role::Candidate { op, since, claim };
                let within = self.patiently();
                actions.push(Action::Read { op, within });
            }
        }
    }

    fn win(
        &mut self,
        revision: u64,
        term: u64,
        since: Moment,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        let until = self.until(since, now);
        if now >= until {
            return self.follow_again(now);
        }
        self.role = Role::Leader(Leader {
            epoch: revision,
            term,
            revision,
            until,
            phase: Phase::Fence(Step::At(now)),
            renewal: Renewal::At(now),
            gives_up: false,
        });
        let epoch = revision;
        actions.push(Action::Extend { epoch, until });
        if self.leaving {
            self.drain(actions);
        }
    }
}
