//! What the election is told, and what it asks for.

use std::time::Duration;

use crate::model::Expect;

/// A time of the host's clock that runs on while the host sleeps: since it was booted.
pub(crate) type Moment = Duration;

/// What one instance wants to stand under the key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Claim {
    /// Random for each process and group.
    pub(crate) boot: u64,
    /// Counts the leaderships of this process.
    pub(crate) term: u64,
    /// The revision of the write that won the term; not yet known in that write itself.
    pub(crate) epoch: Option<u64>,
    /// Random for each write.
    pub(crate) nonce: u64,
    pub(crate) lease: Duration,
    /// It is given up.
    pub(crate) released: bool,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Event {
    /// Time has passed.
    Tick,
    /// Every connection that a leader needs is there.
    Connected,
    /// One is not.
    Disconnected,
    /// This stands under the key, says somebody who wrote it.
    Seen(Option<(u64, Claim)>),
    /// The answer to [`Action::Read`].
    Read {
        op: u64,
        answer: Result<Option<(u64, Claim)>, NoAnswer>,
    },
    /// The answer to [`Action::Write`].
    Wrote { op: u64, outcome: Outcome },
    /// The answer to [`Action::RaiseFence`]: whether no greater one stands there; none if there
    /// was none.
    Fenced { op: u64, answer: Option<bool> },
    /// The end of [`Action::Activate`]: whether this instance can lead.
    Activated { epoch: u64, able: bool },
    /// Another instance shall lead, if there is one.
    StandAside,
    /// This instance shall not lead any more.
    Leave,
    /// What ran while it led has ended, after [`Action::Drain`].
    Drained { epoch: u64 },
}

/// A question had no answer in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NoAnswer;

/// How a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// It is the newest revision.
    Done(u64),
    /// Something else stood there; nothing was written.
    Refused,
    /// It may have happened, or happen later.
    Unknown,
}

/// What shall be done. Answers name the number of what they answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Read the key, from whoever decides on writes.
    Read { op: u64, within: Duration },
    /// Write the key.
    Write {
        op: u64,
        claim: Claim,
        expect: Expect,
        within: Duration,
    },
    /// Raise the fence to this epoch.
    RaiseFence {
        op: u64,
        epoch: u64,
        within: Duration,
    },
    /// Lead: run the hook, subscribe, flush.
    Activate { epoch: u64 },
    /// The leadership is valid until then.
    Extend { epoch: u64, until: Moment },
    /// Take nothing new, and tell when what runs has ended. The leadership is still valid.
    Drain { epoch: u64 },
    /// The leadership is over: nothing more may be done in its name. The last word on an epoch. If
    /// it was given up, another instance may lead at once.
    Lost { epoch: u64, given_up: bool },
    /// It is over; nothing further will be asked.
    End,
}
