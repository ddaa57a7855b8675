//! What came of a run: what was lost, what was handled more than once, and why.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// Why an event was delivered again that had been handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// Who had handled it was killed, with its acknowledgement.
    Kill,
    /// The server was, before it had written the acknowledgement.
    Outage,
}

/// All that is known at the end.
#[derive(Debug, Default)]
pub(super) struct Account {
    events: usize,
    kills: usize,
    outages: usize,
    /// Events whose publishing succeeded.
    published: usize,
    /// Of those, how many the stream held already when they were published once more.
    already: usize,
    /// How often one was not published at first, by the kind of the error and whether it was sent.
    unpublished: BTreeMap<(String, bool), usize>,
    /// Events that were handled.
    handled: usize,
    /// Events that were published and never handled.
    lost: Vec<String>,
    /// How often one was handled that had been handled before.
    again: BTreeMap<Reason, usize>,
    /// The same for no reason that is known.
    unexplained: Vec<String>,
    /// Second effects that were refused.
    had_effect: usize,
    /// How often a handler failed.
    failed: usize,
    /// How many messages the stream of events has.
    pub(super) stored: usize,
    /// Why events were given up.
    pub(super) dead: Vec<String>,
}

/// One time that an event was handled.
struct Time<'a> {
    at: u64,
    by: &'a str,
    /// When that process was killed.
    killed: Option<u64>,
    attempt: u64,
}

impl Account {
    /// Without what the server knows.
    pub(super) fn of(world: &World) -> Self {
        let mut account = Self {
            events: world.events(),
            kills: world.ledgers.iter().filter_map(|it| it.killed).count(),
            outages: world.outages.len(),
            ..Self::default()
        };
        let published = account.read_publishers(&world.publishers);
        let handled = account.read_ledgers(&world.ledgers);
        account.published = published.len();
        account.handled = handled.len();
        for id in published {
            if !handled.contains_key(id) {
                account.lost.push(id.to_owned());
            }
        }
        for (id, times) in &handled {
            for pair in times.windows(2) {
                match reason(&pair[0], &pair[1], &world.outages) {
                    Some(reason) => *account.again.entry(reason).or_default() += 1,
                    None => account.unexplained.push(shown(id, &pair[0], &pair[1])),
                }
            }
        }
        account
    }

    fn read_publishers<'a>(&mut self, publishers: &'a [Program]) -> BTreeSet<&'a str> {
        let mut published = BTreeSet::new();
        for line in publishers.iter().flat_map(|it| it.journal.lines()) {
            match &line.note {
                Note::Published { id, duplicate, .. } => {
                    published.insert(&**id);
                    self.already += usize::from(*duplicate);
                }
                Note::Unpublished { kind, was_sent, .. } => {
                    let errors = self.unpublished.entry((kind.clone(), *was_sent));
                    *errors.or_default() += 1;
                }
                _ => {}
            }
        }
        published
    }

    fn read_ledgers<'a>(&mut self, ledgers: &'a [Program]) -> BTreeMap<&'a str, Vec<Time<'a>>> {
        let mut handled: BTreeMap<&str, Vec<Time<'_>>> = BTreeMap::new();
        for ledger in ledgers {
            for line in ledger.journal.lines() {
                match &line.note {
                    Note::Handled { id, attempt } => {
                        let time = Time {
                            at: line.at,
                            by: &ledger.name,
                            killed: ledger.killed,
                            attempt: *attempt,
                        };
                        handled.entry(id).or_default().push(time);
                    }
                    Note::HadEffect { .. } => self.had_effect += 1,
                    Note::Failed { .. } => self.failed += 1,
                    _ => {}
                }
            }
        }
        for times in handled.values_mut() {
            times.sort_by_key(|time| time.at);
        }
        handled
    }

    /// Nothing was lost, nothing was given up, nothing was stored twice, and nothing was handled
    /// twice without a reason; and there were faults enough to say so.
    pub(super) fn assert_kept(&self) {
        self.tell();
        let all = [self.published, self.handled, self.stored];
        assert_eq!(all, [self.events; 3], "published, handled, stored");
        assert!(self.lost.is_empty(), "lost: {:?}", self.lost);
        assert!(self.unexplained.is_empty(), "{:#?}", self.unexplained);
        assert!(self.dead.is_empty(), "given up: {:#?}", self.dead);
        let faults = (self.kills, self.outages);
        assert!(self.kills >= 6 && self.outages == 2, "too few: {faults:?}");
    }

    fn tell(&self) {
        let again = |reason| self.again.get(&reason).copied().unwrap_or(0);
        println!(
            "{} events, {} processes killed, the server killed {} times: {} handled, {} lost; \
             again after a kill {}, after one of the server {}, for no reason {}",
            self.events,
            self.kills,
            self.outages,
            self.handled,
            self.lost.len(),
            again(Reason::Kill),
            again(Reason::Outage),
            self.unexplained.len(),
        );
        println!(
            "second effects refused {}, handlers failed {}; publishing failed {:?}, {} were there \
             already when published once more",
            self.had_effect, self.failed, self.unpublished, self.already
        );
    }
}

/// The first fault that followed on the one time, and came before the other.
fn reason(one: &Time<'_>, next: &Time<'_>, outages: &[Outage]) -> Option<Reason> {
    let killed = one.killed.filter(|killed| *killed <= next.at);
    let mut outages = outages.iter();
    let outage = outages.find(|outage| outage.meets(one.at, next.at));
    match (killed, outage) {
        (Some(killed), Some(outage)) if killed <= outage.from => Some(Reason::Kill),
        (_, Some(_)) => Some(Reason::Outage),
        (Some(_), None) => Some(Reason::Kill),
        (None, None) => None,
    }
}

fn shown(id: &str, one: &Time<'_>, next: &Time<'_>) -> String {
    format!(
        "{id} was handled by {} at {} (attempt {}) and again by {} at {} (attempt {})",
        one.by, one.at, one.attempt, next.by, next.at, next.attempt
    )
}

#[test]
fn a_second_time_is_explained_by_the_first_fault_in_between() {
    let outage = |from| Outage { from, to: from + 9 };
    for (killed, outages, expected) in [
        (None, vec![], None),
        (Some(150), vec![], Some(Reason::Kill)),
        // After the second time: no reason for it.
        (Some(250), vec![outage(300)], None),
        // Over before the first one.
        (None, vec![outage(80)], None),
        (None, vec![outage(95)], Some(Reason::Outage)),
        (None, vec![outage(80), outage(150)], Some(Reason::Outage)),
        (Some(120), vec![outage(150)], Some(Reason::Kill)),
        (Some(170), vec![outage(150)], Some(Reason::Outage)),
    ] {
        let time = |at, killed| Time {
            at,
            by: "a ledger",
            killed,
            attempt: 1,
        };
        let found = reason(&time(100, killed), &time(200, None), &outages);
        assert_eq!(found, expected, "{killed:?} {outages:?}");
    }
}
