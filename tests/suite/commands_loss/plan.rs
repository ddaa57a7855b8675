//! What is to become of a command: its name says it.

use super::*;

/// What is to become of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    Succeeds,
    /// It succeeds after a first attempt that fails before its effect.
    FailsBefore,
    /// The same behind its effect.
    FailsBehind,
    /// It fails for good, before its effect.
    Refused,
    /// It fails for good, behind its effect.
    RefusedLate,
    /// It fails until it is not tried again.
    Spoiled,
    /// It is to begin much later, and cancelled before.
    Withdrawn,
    /// It is cancelled as soon as it is sent: whoever is faster.
    Raced,
}

impl Plan {
    /// That of a command of this name: `1-17`, or `both-17`, which both send.
    pub(super) fn of(name: &str) -> Self {
        let (_, number) = name.rsplit_once('-').unwrap();
        let number: usize = number.parse().unwrap();
        match number % 40 {
            3 | 13 => Self::FailsBefore,
            23 | 33 => Self::FailsBehind,
            5 | 6 => Self::Refused,
            14 => Self::RefusedLate,
            22 => Self::Spoiled,
            30 => Self::Withdrawn,
            38 => Self::Raced,
            _ => Self::Succeeds,
        }
    }

    /// The states in which it may end.
    pub(super) fn ends(self) -> &'static [JobState] {
        match self {
            Self::Succeeds | Self::FailsBefore | Self::FailsBehind => &[JobState::Succeeded],
            Self::Refused | Self::RefusedLate | Self::Spoiled => &[JobState::Failed],
            Self::Withdrawn => &[JobState::Cancelled],
            Self::Raced => &[JobState::Succeeded, JobState::Cancelled],
        }
    }

    /// How many effects it has when it has ended in this state, if that is certain.
    pub(super) fn effects(self, end: JobState) -> Option<usize> {
        match (self, end) {
            // It was cancelled before its effect, or behind.
            (Self::Raced, JobState::Cancelled) => None,
            (Self::Refused | Self::Spoiled | Self::Withdrawn, _) => Some(0),
            _ => Some(1),
        }
    }
}

/// One of four that both send is one of this number.
pub(super) fn name(sender: &str, number: usize) -> String {
    let (_, own) = sender.rsplit_once('-').unwrap();
    let by = if is_of_both(number) { "both" } else { own };
    format!("{by}-{number}")
}

fn is_of_both(number: usize) -> bool {
    number % 4 == 1
}

/// It is safe to send it again: what both send is one job, and what nobody would withdraw would stay.
pub(super) fn is_keyed(name: &str) -> bool {
    name.starts_with("both-") || Plan::of(name) == Plan::Withdrawn
}

/// They are mixed.
pub(super) fn priority(number: usize) -> Priority {
    Priority::ALL[number / 3 % Priority::ALL.len()]
}
