//! Who is there over time: what two sources tell, and what is to be said of it. Nothing here waits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aegis::{Instance, ServiceInfo};

use super::view::{Asked, Known, View, is_outdone};

/// One that does not answer so many times in a row, and has no record, is gone.
const MISSES: u32 = 3;
/// No question is on the way for longer than this, if it is not asked to be.
const LATE: Duration = Duration::from_secs(60);

/// The service and the id.
type Key = (String, String);

/// What happened to an instance.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    Appeared(View),
    Changed(View),
    Gone(View),
}

/// Everybody, as far as it was heard.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// The only service that matters.
    only: Option<String>,
    /// Whether the registry was ever heard.
    registry: bool,
    /// Whether the instances were ever asked.
    asked: bool,
    records: BTreeMap<Key, Heard>,
    answers: BTreeMap<Key, Answers>,
    /// Who has left, and when: an answer to an earlier question brings nobody back.
    left: BTreeMap<Key, Instant>,
    told: BTreeMap<Key, View>,
}

#[derive(Debug)]
struct Heard {
    record: Arc<Instance>,
    at: Instant,
}

#[derive(Debug)]
struct Answers {
    info: ServiceInfo,
    /// Whether it answered twice, or to the first question, or nobody else can tell: one that
    /// starts answers a moment before it has a record.
    sure: bool,
    missed: u32,
}

impl Live {
    pub(super) fn new(only: Option<String>) -> Self {
        Self {
            only,
            ..Self::default()
        }
    }

    fn wanted(&self, service: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == service)
    }

    /// The registry's table, as it is now.
    pub(super) fn table(&mut self, found: &[Arc<Instance>], now: Instant) -> Vec<Told> {
        self.registry = true;
        let mut touched = BTreeSet::new();
        let mut there = BTreeSet::new();
        let mut told = Vec::new();
        for record in found {
            if !self.wanted(&record.service) {
                continue;
            }
            let key = (record.service.clone(), record.id.clone());
            there.insert(key.clone());
            let known = self.records.get(&key);
            if known.is_some_and(|known| Arc::ptr_eq(&known.record, record)) {
                continue;
            }
            if known.is_some_and(|known| boot(&known.record) != boot(record)) {
                // Another process under the same id is another instance.
                told.extend(self.leave(&key, now));
            }
            let record = record.clone();
            self.records.insert(key.clone(), Heard { record, at: now });
            touched.insert(key);
        }
        let gone = self.records.keys().filter(|key| !there.contains(*key));
        for key in gone.cloned().collect::<Vec<_>>() {
            told.extend(self.leave(&key, now));
        }
        if !touched.is_empty() || !told.is_empty() {
            // Who leads depends on what others say.
            let leading = self.told.iter().filter(|(_, view)| view.epoch.is_some());
            touched.extend(leading.map(|(key, _)| key.clone()));
        }
        told.extend(touched.iter().filter_map(|key| self.tell(key, now)));
        self.left.retain(|_, left| now < *left + LATE);
        told
    }

    /// The answers to a question that was asked then. `complete` says that who is there would have
    /// been heard.
    pub(super) fn answers(
        &mut self,
        infos: Vec<ServiceInfo>,
        asked: Instant,
        complete: bool,
    ) -> Vec<Told> {
        let mut touched: BTreeSet<Key> = self.answers.keys().cloned().collect();
        let mut there = BTreeSet::new();
        for info in infos {
            if !self.wanted(&info.name) {
                continue;
            }
            let key = (info.name.clone(), info.id.clone());
            if self.left.get(&key).is_some_and(|left| *left >= asked) {
                continue;
            }
            there.insert(key.clone());
            touched.insert(key.clone());
            let sure = self.answers.contains_key(&key) || !self.asked || !self.registry;
            let missed = 0;
            let known = Answers { info, sure, missed };
            self.answers.insert(key, known);
        }
        self.asked = true;
        if complete {
            for (key, known) in &mut self.answers {
                known.missed += u32::from(!there.contains(key));
            }
            self.answers.retain(|_, known| known.missed < MISSES);
            self.left.retain(|_, left| *left >= asked);
        }
        let told = touched.iter().filter_map(|key| self.tell(key, asked));
        told.collect()
    }

    fn leave(&mut self, key: &Key, now: Instant) -> Option<Told> {
        self.records.remove(key);
        self.answers.remove(key);
        self.left.insert(key.clone(), now);
        self.tell(key, now)
    }

    /// What is to be said of one instance, if anything.
    fn tell(&mut self, key: &Key, now: Instant) -> Option<Told> {
        let before = self.told.get(key);
        match (before, self.view(key, now)) {
            (None, None) => None,
            (Some(_), None) => self.told.remove(key).map(Told::Gone),
            (None, Some(view)) => {
                self.told.insert(key.clone(), view.clone());
                Some(Told::Appeared(view))
            }
            (Some(before), Some(view)) => {
                let differs = view.differs(before);
                self.told.insert(key.clone(), view.clone());
                differs.then_some(Told::Changed(view))
            }
        }
    }

    fn view(&self, key: &Key, now: Instant) -> Option<View> {
        let heard = self.records.get(key);
        let answers = self.answers.get(key);
        let shown = answers.filter(|known| heard.is_some() || known.sure);
        let known = Known {
            record: heard.map(|heard| &*heard.record),
            age: heard.map(|heard| now.saturating_duration_since(heard.at)),
            info: shown.map(|known| &known.info),
        };
        let asked = Asked {
            registry: self.registry,
            instances: true,
        };
        let mut view = View::of(known, asked)?;
        if view.leader {
            // The record of one that was killed says that it leads until it runs out.
            let mut records = self.records.values();
            view.leader = !records.any(|heard| is_outdone(&view, &heard.record));
        }
        // One that was never heard need not have been asked yet.
        view.answered = answers.map(|known| known.missed == 0);
        Some(view)
    }

    /// Everybody, as of now.
    pub(super) fn views(&self, now: Instant) -> Vec<View> {
        let told = self.told.keys();
        told.filter_map(|key| self.view(key, now)).collect()
    }
}

fn boot(record: &Instance) -> Option<&str> {
    record.metadata.get("boot")?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(id: &str, status: &str, boot: &str) -> Arc<Instance> {
        let record = json!({"serviceName": "desk", "instanceId": id, "status": status,
            "metadata": {"boot": boot}});
        Arc::new(serde_json::from_value(record).unwrap())
    }

    fn info(id: &str) -> ServiceInfo {
        serde_json::from_value(json!({"name": "desk", "id": id, "version": "1"})).unwrap()
    }

    fn names(told: &[Told]) -> String {
        let name = |told: &Told| match told {
            Told::Appeared(view) => format!("+{}", view.id),
            Told::Changed(view) => format!("~{}", view.id),
            Told::Gone(view) => format!("-{}", view.id),
        };
        told.iter().map(name).collect::<Vec<_>>().join(" ")
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_registry_tells_each_change_once() {
        let (mut live, now) = (Live::default(), Instant::now());
        let (a, b) = (record("a", "ACTIVE", "1"), record("b", "ACTIVE", "1"));
        assert_eq!(names(&live.table(&[a.clone(), b], now)), "+a +b");
        assert_eq!(names(&live.table(&[a], now)), "-b");
        let beat = record("a", "ACTIVE", "1");
        assert_eq!(
            names(&live.table(std::slice::from_ref(&beat), now + SECOND)),
            ""
        );
        let ages = live.views(now + 3 * SECOND);
        assert_eq!(ages[0].heartbeat_age_ms, Some(2000), "since it was heard");
        let sick = record("a", "UNHEALTHY", "1");
        assert_eq!(names(&live.table(&[sick], now)), "~a");
        let other = record("a", "UNHEALTHY", "2");
        assert_eq!(names(&live.table(&[other], now)), "-a +a");
        assert_eq!(names(&live.table(&[], now)), "-a");
        assert_eq!(live.views(now), []);
    }

    #[test]
    fn a_killed_leader_is_told_to_lead_no_more_once_another_one_does() {
        let led = |id: &str, epoch: u64| {
            let record = json!({"serviceName": "desk", "instanceId": id, "status": "ACTIVE",
                "sticky_active_group": "main", "metadata": {"leader": true, "epoch": epoch}});
            Arc::new(serde_json::from_value::<Instance>(record).unwrap())
        };
        let leading = |live: &Live, now| {
            let views = live.views(now).into_iter();
            let leaders = views.filter(|view| view.leader).map(|view| view.id);
            leaders.collect::<Vec<_>>()
        };
        let (mut live, now) = (Live::default(), Instant::now());
        let (killed, next) = (led("a", 7), led("b", 9));
        assert_eq!(names(&live.table(std::slice::from_ref(&killed), now)), "+a");
        assert_eq!(leading(&live, now), ["a"]);
        let both = [killed.clone(), next];
        let told = live.table(&both, now);
        assert_eq!(names(&told), "~a +b");
        let Told::Changed(view) = &told[0] else {
            panic!("{told:?}")
        };
        assert!(!view.leader, "the killed one");
        assert_eq!(leading(&live, now), ["b"]);
        assert_eq!(names(&live.table(&both, now + SECOND)), "");
        // If the other one is gone first, what is said last counts again.
        assert_eq!(names(&live.table(&[killed], now)), "-b ~a");
        assert_eq!(leading(&live, now), ["a"]);
        // Whoever begins to watch hears of one leader only.
        let told = Live::default().table(&both, now);
        let leads = |told: &Told| matches!(told, Told::Appeared(view) if view.leader);
        assert_eq!(told.iter().map(leads).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn one_without_a_record_appears_when_it_is_sure_and_is_gone_when_it_is_silent() {
        let (mut live, now) = (Live::default(), Instant::now());
        live.answers(vec![], now, true);
        live.table(&[record("a", "ACTIVE", "1")], now);
        assert_eq!(names(&live.answers(vec![info("py")], now, true)), "");
        assert_eq!(names(&live.answers(vec![info("py")], now, true)), "+py");
        assert_eq!(live.views(now)[1].registered, Some(false));
        for _ in 0..10 {
            assert_eq!(names(&live.answers(vec![], now, false)), "", "nobody hears");
        }
        assert_eq!(live.views(now)[1].answered, Some(true));
        assert_eq!(names(&live.answers(vec![], now, true)), "");
        assert_eq!(live.views(now)[1].answered, Some(false));
        assert_eq!(names(&live.answers(vec![], now, true)), "");
        assert_eq!(names(&live.answers(vec![], now, true)), "-py");
    }

    #[test]
    fn without_a_registry_answers_are_all_there_is() {
        let (mut live, now) = (Live::new(Some("desk".to_owned())), Instant::now());
        let mut other = info("x");
        other.name = "lamp".to_owned();
        let told = live.answers(vec![info("a"), other], now, true);
        assert_eq!(names(&told), "+a");
        assert_eq!(
            names(&live.answers(vec![info("a"), info("b")], now, true)),
            "+b"
        );
        assert_eq!(live.views(now)[0].registered, None);
        // The registry is there at last, and tells that this one has a record.
        assert_eq!(names(&live.table(&[record("a", "ACTIVE", "1")], now)), "~a");
    }

    #[test]
    fn a_late_answer_brings_nobody_back() {
        let (mut live, now) = (Live::default(), Instant::now());
        live.answers(vec![info("a")], now, true);
        let one = record("a", "ACTIVE", "1");
        live.table(std::slice::from_ref(&one), now);
        assert_eq!(names(&live.table(&[], now + SECOND)), "-a");
        for _ in 0..3 {
            assert_eq!(names(&live.answers(vec![info("a")], now, false)), "");
        }
        assert_eq!(
            names(&live.answers(vec![info("a")], now + 2 * SECOND, true)),
            ""
        );
        let told = live.answers(vec![info("a")], now + 4 * SECOND, true);
        assert_eq!(names(&told), "+a", "it is there, without a record");
    }
}
