//! What came of calls and probes: the part of the current round, and the sums of all.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::ranges::Ranges;

/// A call that ended.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    /// Which client's, and its number there.
    pub(super) call: (u32, u64),
    pub(super) sent: Instant,
    pub(super) at: Instant,
    /// Why it failed.
    pub(super) failed: Option<String>,
}

/// What a probe found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A leader with this epoch answered.
    Leader(u64),
    /// Nobody led: nothing listened, or what listened said so.
    Nobody,
    /// No answer came.
    Silence,
}

/// A probe that ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probed {
    pub(super) sent: Instant,
    pub(super) found: Found,
}

/// When answers with an epoch were received.
#[derive(Debug, Clone)]
pub(super) struct Term {
    pub(super) first: Instant,
    pub(super) last: Instant,
}

/// A round's part.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) calls: Vec<Ended>,
    pub(super) probes: Vec<Probed>,
    /// The longest that this process itself was late.
    pub(super) lag: Duration,
}

/// The sums of everything.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    pub(super) calls: u64,
    pub(super) failed: u64,
    /// Answered within 100 ms.
    pub(super) prompt: u64,
    pub(super) not_sent: u64,
    /// Values that two additions were answered with.
    pub(super) values_twice: u64,
    /// Answers of a leader of the past to calls that were made after its successor had answered.
    pub(super) of_the_past: u64,
    /// The numbers of each client that were acknowledged.
    pub(super) acknowledged: BTreeMap<u32, Ranges>,
    pub(super) longest: Duration,
    values: Ranges,
}

/// Where everybody writes.
#[derive(Debug)]
pub(super) struct Journal {
    inner: Mutex<Inner>,
    newest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    part: Part,
    sums: Sums,
    terms: BTreeMap<u64, Term>,
    /// Calls on their way, and when they were made.
    open: BTreeMap<(u32, u64), Instant>,
}

/// An answer that is prompt.
const PROMPT: Duration = Duration::from_millis(100);

impl Journal {
    pub(super) fn new() -> Self {
        Self {
            inner: Mutex::default(),
            newest: watch::Sender::new(0),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A leader answered a call or probe that was sent then.
    pub(super) fn answered(&self, epoch: u64, sent: Instant, at: Instant) {
        let mut inner = self.inner();
        let term = Term {
            first: at,
            last: at,
        };
        let term = inner.terms.entry(epoch).or_insert(term);
        term.last = term.last.max(at);
        let mut newer = inner.terms.range(epoch + 1..);
        if newer.any(|(_, term)| term.first < sent) {
            inner.sums.of_the_past += 1;
        }
        drop(inner);
        self.newest
            .send_if_modified(|newest| epoch > std::mem::replace(newest, epoch.max(*newest)));
    }

    /// An addition was acknowledged.
    pub(super) fn acknowledged(&self, client: u32, number: u64, value: Option<u64>) {
        let mut inner = self.inner();
        let sums = &mut inner.sums;
        sums.acknowledged.entry(client).or_default().insert(number);
        if let Some(value) = value {
            sums.values_twice += u64::from(!sums.values.insert(value));
        }
    }

    /// A call is made.
    pub(super) fn begun(&self, call: (u32, u64), sent: Instant) {
        self.inner().open.insert(call, sent);
    }

    /// Whether calls are on their way that were made before.
    pub(super) fn waits_for_calls_before(&self, moment: Instant) -> bool {
        let inner = self.inner();
        let mut open = inner.open.values();
        open.any(|sent| *sent < moment)
    }

    /// A call ended.
    pub(super) fn ended(&self, ended: Ended) {
        let took = ended.at - ended.sent;
        let mut inner = self.inner();
        inner.open.remove(&ended.call);
        let sums = &mut inner.sums;
        sums.calls += 1;
        sums.longest = sums.longest.max(took);
        if ended.failed.is_some() {
            sums.failed += 1;
        } else if took <= PROMPT {
            sums.prompt += 1;
        }
        inner.part.calls.push(ended);
    }

    /// A call was not made: too many were on their way.
    pub(super) fn not_sent(&self) {
        self.inner().sums.not_sent += 1;
    }

    /// A probe ended.
    pub(super) fn probed(&self, probed: Probed) {
        self.inner().part.probes.push(probed);
    }

    /// This process was late by so much.
    pub(super) fn late(&self, lag: Duration) {
        let mut inner = self.inner();
        inner.part.lag = inner.part.lag.max(lag);
    }

    /// What came since the last time this was asked.
    pub(super) fn take(&self) -> Part {
        std::mem::take(&mut self.inner().part)
    }

    /// The sums so far.
    pub(super) fn sums(&self) -> Sums {
        self.inner().sums.clone()
    }

    /// When answers with this epoch came.
    pub(super) fn term(&self, epoch: u64) -> Option<Term> {
        self.inner().terms.get(&epoch).cloned()
    }

    /// The greatest epoch that answered.
    pub(super) fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_the_past_is_one_to_a_call_made_after_the_successor_answered() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        for (answers, expected) in [
            // (epoch, sent, received)
            (&[(1, 0, 1), (2, 2, 3), (2, 4, 5)][..], 0),
            // It was on its way when the successor answered.
            (&[(1, 0, 1), (2, 2, 3), (1, 2, 9)], 0),
            (&[(1, 0, 1), (2, 2, 3), (1, 4, 9)], 1),
        ] {
            let journal = Journal::new();
            for (epoch, sent, received) in answers {
                journal.answered(*epoch, at(*sent), at(*received));
            }
            assert_eq!(journal.sums().of_the_past, expected, "{answers:?}");
            assert_eq!(*journal.newest().borrow(), 2);
        }
    }

    #[test]
    fn a_value_that_two_have_is_counted() {
        let journal = Journal::new();
        for (number, value) in [(0, Some(1)), (1, Some(2)), (2, None), (3, Some(2))] {
            journal.acknowledged(0, number, value);
        }
        let sums = journal.sums();
        assert_eq!((sums.values_twice, sums.acknowledged[&0].len()), (1, 4));
    }
}
