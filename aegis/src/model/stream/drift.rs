//! How a stream that exists differs from what is asked for, and what becomes of it.

use std::fmt;
use std::time::Duration;

use super::spec::{StreamSpec, StreamStatus};
use crate::model::Pattern;

/// How a stream that exists differs from what is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StreamDrift {
    /// What can be changed, each as `` `max_bytes` (2 asked for, 1 there) ``.
    pub changeable: Vec<String>,
    /// What cannot.
    pub fixed: Vec<String>,
    /// What would discard messages that are stored, as `` `max_bytes` (2 asked for, 7 stored) ``.
    pub lossy: Vec<String>,
}

impl StreamSpec {
    /// What a stream that exists stores when it stores what is asked for as well. Of two where one
    /// covers the other, the wider one is left: the server takes no subjects that overlap.
    pub fn united(&self, found: &StreamStatus) -> Vec<String> {
        let missing: Vec<Pattern> = self.missing(found);
        let stays = |there: &&String| {
            let there = Pattern::trusted((*there).clone());
            !missing.iter().any(|asked| asked.covers(&there))
        };
        let mut all: Vec<String> = found.subjects.iter().filter(stays).cloned().collect();
        all.extend(missing.iter().map(Pattern::to_string));
        all
    }

    /// What is asked for and not stored yet.
    fn missing(&self, found: &StreamStatus) -> Vec<Pattern> {
        let there = found.subjects.iter().cloned().map(Pattern::trusted);
        let there: Vec<Pattern> = there.collect();
        let stored = |asked: &Pattern| there.iter().any(|there| there.covers(asked));
        let missing = self.subjects.iter().filter(|asked| !stored(asked));
        missing.cloned().collect()
    }

    /// How a stream that exists differs from this one.
    pub fn drift(&self, found: &StreamStatus) -> StreamDrift {
        let mut drift = StreamDrift::default();
        drift.fixed("retention", Some(&self.retention), &found.retention);
        drift.fixed("storage", self.storage.as_ref(), &found.storage);
        let missing = self.missing(found);
        if !missing.is_empty() {
            let missing: Vec<&str> = missing.iter().map(Pattern::as_str).collect();
            let (missing, there) = (missing.join(", "), found.subjects.join(", "));
            let text = format!("`subjects` ({missing} asked for, {there} there)");
            drift.changeable.push(text);
        }
        drift.changeable("discard", self.discard, &found.discard);
        drift.changeable("replicas", self.replicas, &found.replicas);
        let limit = |limit: Option<u64>| limit.map_or("no limit".to_owned(), |n| n.to_string());
        let asked = self.max_bytes.map(|n| limit(Some(n)));
        drift.changeable("max_bytes", asked, &limit(found.max_bytes));
        drift.lossy("max_bytes", self.max_bytes, found.bytes);
        let asked = self.max_messages.map(|n| limit(Some(n)));
        drift.changeable("max_messages", asked, &limit(found.max_messages));
        drift.lossy("max_messages", self.max_messages, found.messages);
        let time =
            |time: Option<Duration>| time.map_or("for ever".to_owned(), |t| format!("{t:?}"));
        let asked = self.max_age.map(|age| time(Some(age)));
        drift.changeable("max_age", asked, &time(found.max_age));
        let asked = time(Some(self.dedup_of(found)));
        drift.changeable("dedup", Some(asked), &time(Some(found.dedup)));
        drift
    }
}

impl StreamDrift {
    /// Whether the two are alike.
    pub fn is_none(&self) -> bool {
        self.changeable.is_empty() && self.fixed.is_empty()
    }

    fn fixed<T: PartialEq + fmt::Display>(&mut self, what: &str, asked: Option<&T>, found: &T) {
        if let Some(asked) = asked.filter(|asked| *asked != found) {
            let text = format!("`{what}` ({asked} asked for, {found} there)");
            self.fixed.push(text);
        }
    }

    fn lossy(&mut self, what: &str, asked: Option<u64>, stored: u64) {
        if let Some(asked) = asked.filter(|asked| *asked < stored) {
            let text = format!("`{what}` ({asked} asked for, {stored} stored)");
            self.lossy.push(text);
        }
    }

    /// Why a stream is left as it is, if it is.
    pub fn refusal(&self, stream: &str) -> Option<String> {
        if !self.fixed.is_empty() {
            return Some(format!(
                "the stream {stream} exists with other settings, which cannot be changed: {}; ask \
                 for what is there, choose another name, or remove it with everything in it (`nats \
                 stream rm {stream}`) and make it anew",
                self.fixed.join(", ")
            ));
        }
        if self.lossy.is_empty() {
            return None;
        }
        Some(format!(
            "the stream {stream} holds more than is asked for, and would discard it: {}; ask for \
             more, or change it by hand if that may go (`nats stream edit {stream}`)",
            self.lossy.join(", ")
        ))
    }

    fn changeable<T: PartialEq + fmt::Display>(&mut self, what: &str, asked: Option<T>, found: &T) {
        if let Some(asked) = asked.filter(|asked| asked != found) {
            let text = format!("`{what}` ({asked} asked for, {found} there)");
            self.changeable.push(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::model::{Discard, Retention, Storage};

    fn found() -> StreamStatus {
        StreamStatus {
            name: "EVENTS".to_owned(),
            description: None,
            subjects: vec!["events.>".to_owned()],
            retention: Retention::Limits,
            discard: Discard::Old,
            storage: Storage::File,
            replicas: 1,
            max_bytes: Some(10),
            max_messages: None,
            max_age: None,
            dedup: Duration::from_secs(120),
            messages: 0,
            bytes: 0,
            first_sequence: 0,
            last_sequence: 0,
            consumers: 0,
            created: OffsetDateTime::UNIX_EPOCH,
        }
    }

    fn asked() -> StreamSpec {
        StreamSpec::new("EVENTS", [Pattern::parse("events.>").unwrap()])
    }

    #[test]
    fn what_was_not_asked_for_is_taken_as_it_is() {
        assert!(asked().drift(&found()).is_none());
    }

    #[test]
    fn a_drift_names_what_was_asked_for_and_what_is_there() {
        let hour = Duration::from_secs(3600);
        for (spec, changeable, fixed) in [
            (
                StreamSpec {
                    max_bytes: Some(20),
                    ..asked()
                },
                "`max_bytes` (20 asked for, 10 there)",
                "",
            ),
            (
                StreamSpec {
                    max_age: Some(hour),
                    ..asked()
                },
                "`max_age` (3600s asked for, for ever there)",
                "",
            ),
            (
                StreamSpec {
                    max_age: Some(hour / 60),
                    ..asked()
                },
                "`max_age` (60s asked for, for ever there), `dedup` (60s asked for, 120s there)",
                "",
            ),
            (
                StreamSpec {
                    dedup_at_best: Some(hour),
                    ..asked()
                },
                "`dedup` (3600s asked for, 120s there)",
                "",
            ),
            (
                StreamSpec {
                    replicas: Some(3),
                    discard: Some(Discard::New),
                    ..asked()
                },
                "`discard` (new asked for, old there), `replicas` (3 asked for, 1 there)",
                "",
            ),
            (
                StreamSpec {
                    storage: Some(Storage::Memory),
                    retention: Retention::WorkQueue,
                    ..asked()
                },
                "",
                "`retention` (workqueue asked for, limits there), `storage` (memory asked for, \
                 file there)",
            ),
            (
                StreamSpec::new("EVENTS", [Pattern::parse("other.>").unwrap()]),
                "`subjects` (other.> asked for, events.> there)",
                "",
            ),
        ] {
            let drift = spec.drift(&found());
            assert_eq!(drift.changeable.join(", "), changeable);
            assert_eq!(drift.fixed.join(", "), fixed);
        }
    }

    #[test]
    fn ids_are_remembered_no_longer_than_the_stream_keeps_messages() {
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
        let found = StreamStatus {
            max_age: Some(minute),
            dedup: minute,
            ..found()
        };
        let spec = StreamSpec {
            dedup_at_best: Some(hour),
            ..asked()
        };
        assert!(spec.drift(&found).is_none(), "{:?}", spec.drift(&found));
        let longer = StreamSpec {
            max_age: Some(hour),
            ..spec
        };
        assert_eq!(longer.dedup_of(&found), hour);
    }

    #[test]
    fn subjects_are_united_and_the_wider_one_is_left() {
        for (there, asked, united) in [
            ("a.>", "a.>", "a.>"),
            ("a.>", "b.>", "a.> b.>"),
            ("a.b a.c.* x", "a.>", "x a.>"),
            ("a.> x", "a.b.*", "a.> x"),
            ("$KV.a.>", "b", "$KV.a.> b"),
        ] {
            let subjects = asked.split(' ').map(|text| Pattern::parse(text).unwrap());
            let spec = StreamSpec::new("EVENTS", subjects);
            let found = StreamStatus {
                subjects: there.split(' ').map(str::to_owned).collect(),
                ..found()
            };
            assert_eq!(spec.united(&found).join(" "), united);
            let same = there == united;
            assert_eq!(spec.drift(&found).is_none(), same, "{there} {asked}");
        }
    }
}
