//! What the election remembers.

use super::event::{Claim, Moment};

/// What is known of the key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Known {
    /// It was not read yet, or a write was refused since.
    Nothing,
    /// There is no record, seen first at that time.
    Missing { at: Moment },
    /// This record, seen first at that time.
    Record {
        revision: u64,
        claim: Claim,
        at: Moment,
    },
}

/// What this instance is at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Role {
    /// Another leads, or nobody. A read may be under way.
    Follower {
        reads: Option<Asked>,
    },
    /// It has tried to win, with a write sent at that time; after an unknown outcome it reads.
    Candidate {
        op: u64,
        since: Moment,
        claim: Claim,
    },
    Leader(Leader),
    /// It has given up its leadership, and says so.
    Releasing {
        op: u64,
    },
    Ended,
}

/// A read that was asked at that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Asked {
    pub(super) op: u64,
    pub(super) at: Moment,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Leader {
    pub(super) epoch: u64,
    pub(super) term: u64,
    pub(super) revision: u64,
    pub(super) until: Moment,
    pub(super) phase: Phase,
    pub(super) renewal: Renewal,
    /// It gives the leadership up as soon as no renewal is under way.
    pub(super) gives_up: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// The fence is raised: from that time on, or already under way.
    Fence(Step),
    Activating,
    Serving,
    /// It takes nothing new and waits for what runs.
    Draining,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Renewal {
    /// Written from that time on.
    At(Moment),
    /// Sent at that time.
    Writes { op: u64, since: Moment },
    /// It was refused: by somebody else's record, or by an earlier one of ours whose answer was
    /// lost? It is read.
    Reads(Step),
}

/// One question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// Asked from that time on.
    At(Moment),
    /// Under way.
    Asked(u64),
}

impl Step {
    pub(super) fn is_due(self, now: Moment) -> bool {
        matches!(self, Self::At(time) if now >= time)
    }

    pub(super) fn time(self) -> Option<Moment> {
        match self {
            Self::At(time) => Some(time),
            Self::Asked(_) => None,
        }
    }
}

impl Leader {
    /// When something is due though nothing happens.
    pub(super) fn wake_at(&self) -> Moment {
        let renewal = match self.renewal {
            Renewal::At(time) => Some(time),
            Renewal::Reads(step) => step.time(),
            Renewal::Writes { .. } => None,
        };
        let fence = match self.phase {
            Phase::Fence(step) => step.time(),
            Phase::Activating | Phase::Serving | Phase::Draining => None,
        };
        let soonest = renewal.into_iter().chain(fence).min();
        soonest.map_or(self.until, |time| time.min(self.until))
    }
}
