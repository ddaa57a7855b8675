//! Who is there, as one watcher knows it: what it heard, and since when it hears nothing.
//!
//! Times are the watcher's own, and count only while it hears: an outage makes nobody dead.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::instance::Instance;

/// Instances remembered at most; further ones are not seen by a watcher.
const MOST: usize = 20_000;

/// What happened to an instance.
#[derive(Debug, Clone, PartialEq)]
pub enum InstanceEvent {
    /// It was not there before.
    Appeared(Arc<Instance>),
    /// Its status, its version or its metadata changed; heartbeat and load alone are no change.
    Changed(Arc<Instance>),
    /// It has left, or said nothing for three heartbeats. The last that was known of it.
    Gone(Arc<Instance>),
}

impl InstanceEvent {
    /// The instance, as it is last known.
    pub fn instance(&self) -> &Arc<Instance> {
        match self {
            Self::Appeared(instance) | Self::Changed(instance) | Self::Gone(instance) => instance,
        }
    }
}

/// The instances that a watcher knows.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    known: BTreeMap<(String, String), Known>,
    /// Since when the watcher hears; none while it does not.
    hears: Option<Instant>,
    /// Records that found no room.
    pub(crate) refused: u64,
}

#[derive(Debug)]
struct Known {
    record: Arc<Instance>,
    seen: Instant,
}

impl Known {
    fn due(&self, hears: Instant) -> Instant {
        self.seen.max(hears) + self.record.ttl()
    }
}

impl Roster {
    /// The watcher hears from now on: everybody has the full time to be heard again.
    pub(crate) fn hears(&mut self, now: Instant) {
        self.hears.get_or_insert(now);
    }

    /// The watcher hears nothing from now on: nobody is dead for that.
    pub(crate) fn is_deaf(&mut self) {
        self.hears = None;
    }

    /// A record was written.
    pub(crate) fn put(&mut self, record: Instance, now: Instant) -> bool {
        let key = (record.service.clone(), record.id.clone());
        if self.known.len() >= MOST && !self.known.contains_key(&key) {
            self.refused += 1;
            return false;
        }
        let known = Known {
            record: Arc::new(record),
            seen: now,
        };
        self.known.insert(key, known);
        true
    }

    /// A record was removed.
    pub(crate) fn remove(&mut self, service: &str, id: &str) -> bool {
        let key = (service.to_owned(), id.to_owned());
        self.known.remove(&key).is_some()
    }

    /// Drops who has said nothing for three heartbeats.
    /// Returns their services.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<String> {
        let Some(hears) = self.hears else {
            return Vec::new();
        };
        let mut gone = Vec::new();
        self.known.retain(|(service, _), known| {
            let stays = now < known.due(hears);
            if !stays {
                gone.push(service.clone());
            }
            stays
        });
        gone
    }

    /// The instances of one service, by id.
    pub(crate) fn of(&self, service: &str) -> impl Iterator<Item = &Arc<Instance>> {
        let from = (service.to_owned(), String::new());
        let service = service.to_owned();
        self.known
            .range(from..)
            .take_while(move |((name, _), _)| *name == service)
            .map(|(_, known)| &known.record)
    }
}

/// The longest time a watcher sleeps between two looks at its roster.
pub(crate) const LOOK: Duration = Duration::from_millis(250);

/// What changed between two lists of instances, both sorted by id.
pub(crate) fn changes(before: &[Arc<Instance>], after: &[Arc<Instance>]) -> Vec<InstanceEvent> {
    let find = |list: &[Arc<Instance>], one: &Instance| {
        let key = (&one.service, &one.id);
        let at = list.binary_search_by(|other| (&other.service, &other.id).cmp(&key));
        at.ok().map(|at| list[at].clone())
    };
    let mut events = Vec::new();
    for one in before {
        if find(after, one).is_none() {
            events.push(InstanceEvent::Gone(one.clone()));
        }
    }
    for one in after {
        match find(before, one) {
            None => events.push(InstanceEvent::Appeared(one.clone())),
            // Another process under the same id is another instance.
            Some(was) if was.boot() != one.boot() => {
                events.push(InstanceEvent::Gone(was));
                events.push(InstanceEvent::Appeared(one.clone()));
            }
            Some(was) if !Arc::ptr_eq(&was, one) && one.differs(&was) => {
                events.push(InstanceEvent::Changed(one.clone()));
            }
            Some(_) => {}
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::InstanceStatus;
    use serde_json::json;

    fn record(id: &str, heartbeat_ms: u64) -> Instance {
        serde_json::from_value(json!({
            "serviceName": "orders", "instanceId": id, "status": "ACTIVE",
            "metadata": {"heartbeat_ms": heartbeat_ms, "boot": "1"},
        }))
        .unwrap()
    }

    fn ids(roster: &Roster) -> Vec<&str> {
        roster.of("orders").map(|one| one.id.as_str()).collect()
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn three_missed_heartbeats_are_the_end() {
        let start = Instant::now();
        let mut roster = Roster::default();
        roster.hears(start);
        roster.put(record("a", 1000), start);
        roster.put(record("b", 2000), start);
        assert!(
            roster
                .expire(start + Duration::from_millis(2_999))
                .is_empty()
        );
        assert!(!roster.expire(start + 3 * SECOND).is_empty());
        assert_eq!(ids(&roster), ["b"]);
        roster.put(record("b", 2000), start + 5 * SECOND);
        assert!(roster.expire(start + 10 * SECOND).is_empty());
        assert!(!roster.expire(start + 11 * SECOND).is_empty());
    }

    #[test]
    fn an_outage_makes_nobody_dead() {
        let start = Instant::now();
        let mut roster = Roster::default();
        roster.put(record("a", 1000), start);
        assert!(
            roster.expire(start + 100 * SECOND).is_empty(),
            "it never heard"
        );
        roster.hears(start);
        roster.is_deaf();
        assert!(roster.expire(start + 1000 * SECOND).is_empty());
        roster.hears(start + 1000 * SECOND);
        roster.hears(start + 1001 * SECOND);
        assert!(
            roster.expire(start + 1002 * SECOND).is_empty(),
            "it has the full time"
        );
        assert!(!roster.expire(start + 1003 * SECOND).is_empty());
    }

    #[test]
    fn the_instances_of_one_service_are_its_own() {
        let now = Instant::now();
        let mut roster = Roster::default();
        for (service, id) in [("b", "1"), ("a", "1"), ("b", "2"), ("bb", "1"), ("b-", "1")] {
            let mut one = record(id, 1000);
            one.service = service.to_owned();
            roster.put(one, now);
        }
        let found: Vec<&str> = roster.of("b").map(|one| one.id.as_str()).collect();
        assert_eq!(found, ["1", "2"]);
        assert!(roster.remove("b", "1") && !roster.remove("b", "1"));
        assert_eq!(roster.of("b").count(), 1);
        assert_eq!(roster.of("nobody").count(), 0);
    }

    #[test]
    fn a_roster_is_bounded() {
        let now = Instant::now();
        let mut roster = Roster::default();
        for n in 0..MOST + 5 {
            roster.put(record(&n.to_string(), 1000), now);
        }
        assert_eq!((roster.of("orders").count(), roster.refused), (MOST, 5));
        assert!(
            roster.put(record("0", 1000), now),
            "who is known stays known"
        );
    }

    #[test]
    fn changes_are_told_once() {
        let list = |ids: &[&str]| {
            ids.iter()
                .map(|id| Arc::new(record(id, 1000)))
                .collect::<Vec<_>>()
        };
        let told = |before: &[Arc<Instance>], after: &[Arc<Instance>]| {
            let name = |event: &InstanceEvent| match event {
                InstanceEvent::Appeared(one) => format!("+{}", one.id),
                InstanceEvent::Changed(one) => format!("~{}", one.id),
                InstanceEvent::Gone(one) => format!("-{}", one.id),
            };
            changes(before, after)
                .iter()
                .map(name)
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(told(&list(&[]), &list(&["a", "b"])), "+a +b");
        assert_eq!(told(&list(&["a", "b"]), &list(&["b", "c"])), "-a +c");
        assert_eq!(told(&list(&["a"]), &list(&["a"])), "");
        let mut draining = record("a", 1000);
        draining.status = InstanceStatus::Shutdown;
        assert_eq!(told(&list(&["a"]), &[Arc::new(draining)]), "~a");
        let mut restarted = record("a", 1000);
        restarted.metadata.insert("boot".into(), json!("2"));
        assert_eq!(told(&list(&["a"]), &[Arc::new(restarted)]), "-a +a");
    }
}
