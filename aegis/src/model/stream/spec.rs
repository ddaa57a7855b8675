//! A stream as it is asked for, and as it is found.

use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;

use crate::model::{Pattern, SpecError, Storage};

/// What a stream may hold if nothing is said: one without a limit can fill the store, and then
/// everything stops.
const DEFAULT_MAX_BYTES: u64 = 1024 * 1024 * 1024;
/// How long an id is remembered if nothing is said.
const DEFAULT_DEDUP: Duration = Duration::from_secs(120);
/// The shortest time that the server takes.
const SHORTEST: Duration = Duration::from_millis(100);
/// Longest name: it is the name of a folder.
const LONGEST_NAME: usize = 200;
const MOST_REPLICAS: u8 = 5;

/// What a full stream does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Discard {
    /// It forgets its oldest messages.
    #[default]
    Old,
    /// It refuses new ones.
    New,
}

impl fmt::Display for Discard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Old => "old",
            Self::New => "new",
        })
    }
}

/// How long a stream keeps a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Retention {
    /// As long as its limits allow.
    #[default]
    Limits,
    /// Until it was acknowledged once.
    WorkQueue,
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Limits => "limits",
            Self::WorkQueue => "workqueue",
        })
    }
}

/// A stream that is asked for. What is `None` was not asked for: a new stream gets the default, an
/// existing one is taken as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StreamSpec {
    /// Its name on the server: up to 200 letters, digits, `_` or `-`.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// What it stores; one that exists may store more.
    pub subjects: Vec<Pattern>,
    /// How long it keeps a message. It cannot be changed.
    pub retention: Retention,
    /// What it does when it is full; default forget the oldest.
    pub discard: Option<Discard>,
    /// Where it is kept; default on disk. It cannot be changed.
    pub storage: Option<Storage>,
    /// On how many servers it is kept, 1 to 5; default 1.
    pub replicas: Option<u8>,
    /// How many bytes it may hold; default what [`max_bytes_if_new`](Self::max_bytes_if_new) says.
    pub max_bytes: Option<u64>,
    /// How many bytes one that does not exist yet may hold, if `max_bytes` does not say it; default
    /// 1 GiB. The server sets them aside.
    pub max_bytes_if_new: Option<u64>,
    /// How many messages it may hold; default as many as fit.
    pub max_messages: Option<u64>,
    /// How long it keeps a message at most; default for ever.
    pub max_age: Option<Duration>,
    /// How long the ids of messages are remembered, so that none is stored twice; default what
    /// [`dedup_at_best`](Self::dedup_at_best) says.
    pub dedup: Option<Duration>,
    /// The same if `dedup` does not say it, and no longer than messages are kept; default 2 min for
    /// a stream that does not exist yet, and what is there for one that does.
    pub dedup_at_best: Option<Duration>,
}

/// What is known of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamStatus {
    /// Its name on the server.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// What it stores.
    pub subjects: Vec<String>,
    /// How long it keeps a message.
    pub retention: Retention,
    /// What it does when it is full.
    pub discard: Discard,
    /// Where it is kept.
    pub storage: Storage,
    /// On how many servers.
    pub replicas: u8,
    /// How many bytes it may hold; none is no limit.
    pub max_bytes: Option<u64>,
    /// How many messages it may hold; none is no limit.
    pub max_messages: Option<u64>,
    /// How long it keeps a message at most; none is for ever.
    pub max_age: Option<Duration>,
    /// How long ids are remembered.
    pub dedup: Duration,
    /// How many messages it holds.
    pub messages: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// The sequence of the oldest message that it holds; 0 if it never held one.
    pub first_sequence: u64,
    /// The sequence of the newest message that it ever held; 0 if there was none.
    pub last_sequence: u64,
    /// How many consumers it has.
    pub consumers: u64,
    /// When it was made, by the server's clock: one made anew has another time.
    pub created: OffsetDateTime,
}

impl StreamSpec {
    /// A stream of this name, which stores these subjects, with nothing else asked for.
    pub fn new(name: impl Into<String>, subjects: impl IntoIterator<Item = Pattern>) -> Self {
        Self {
            name: name.into(),
            subjects: subjects.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Whether a name can be that of a stream.
    pub fn check_name(name: &str) -> Result<(), SpecError> {
        let right = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(right) {
            return Ok(());
        }
        let shown: String = name.chars().take(80).collect();
        Err(SpecError::new(format!(
            "the stream name {shown:?} is not allowed: it is up to {LONGEST_NAME} letters, \
             digits, `_` or `-`"
        )))
    }

    /// Whether such a stream can be.
    pub fn check(&self) -> Result<(), SpecError> {
        Self::check_name(&self.name)?;
        let wrong = if self.subjects.is_empty() {
            "it stores nothing: name its subjects"
        } else if self.subjects.iter().any(begins_wild) {
            "a subject of a stream begins with a word, not with a wildcard: it would store what \
             NATS itself says"
        } else if any_overlap(&self.subjects) {
            "two of its subjects overlap: one message would be stored twice"
        } else if self
            .replicas
            .is_some_and(|n| !(1..=MOST_REPLICAS).contains(&n))
        {
            "`replicas` is 1 to 5 servers"
        } else if self.max_bytes == Some(0) || self.max_messages == Some(0) {
            "`max_bytes` and `max_messages` are at least 1"
        } else if [self.max_bytes, self.max_messages]
            .into_iter()
            .flatten()
            .any(|limit| i64::try_from(limit).is_err())
        {
            "`max_bytes` and `max_messages` are below 2^63"
        } else if self.max_age.is_some_and(|age| age < SHORTEST) {
            "`max_age` is at least 100 ms"
        } else if self.dedup_window() < SHORTEST {
            "`dedup` is at least 100 ms"
        } else if self.max_age.is_some_and(|age| age < self.dedup_window()) {
            "`max_age` is at least as long as `dedup`: ids are remembered no longer than messages"
        } else {
            return Ok(());
        };
        let name = &self.name;
        Err(SpecError::new(format!(
            "the stream {name} cannot be: {wrong}"
        )))
    }

    /// How many bytes a new stream of this kind may hold.
    pub fn byte_limit(&self) -> u64 {
        let default = self.max_bytes_if_new.unwrap_or(DEFAULT_MAX_BYTES);
        self.max_bytes.unwrap_or(default)
    }

    /// How long a new stream of this kind remembers ids: if nothing is said, no longer than it keeps
    /// messages.
    pub fn dedup_window(&self) -> Duration {
        let best = self.dedup_at_best.unwrap_or(DEFAULT_DEDUP);
        let age = self.max_age.unwrap_or(Duration::MAX);
        self.dedup.unwrap_or(best.min(age))
    }

    /// How long a stream that exists is to remember ids.
    pub fn dedup_of(&self, found: &StreamStatus) -> Duration {
        let best = self.dedup_at_best.unwrap_or(found.dedup);
        let age = self.max_age.or(found.max_age).unwrap_or(Duration::MAX);
        self.dedup.unwrap_or(best.min(age))
    }
}

fn begins_wild(pattern: &Pattern) -> bool {
    pattern.as_str().starts_with(['*', '>'])
}

/// Whether a subject can fall under two of these patterns.
pub(super) fn any_overlap(patterns: &[Pattern]) -> bool {
    let rest = |at: usize| patterns.iter().skip(at + 1);
    let mut all = patterns.iter().enumerate();
    all.any(|(at, one)| rest(at).any(|other| one.overlaps(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> StreamSpec {
        StreamSpec::new("EVENTS", [Pattern::parse("events.>").unwrap()])
    }

    #[test]
    fn what_cannot_be_is_told() {
        let of = |subjects: &[&str]| {
            let parse = |text: &&str| Pattern::parse(text).unwrap();
            StreamSpec::new("a", subjects.iter().map(parse))
        };
        for (spec, text) in [
            (of(&[">"]), "begins with a word"),
            (of(&["a", "*.b"]), "begins with a word"),
            (of(&["a.>", "b", "a.*"]), "overlap"),
            (StreamSpec::new("a.b", []), "is not allowed"),
            (StreamSpec::new("a", []), "it stores nothing"),
            (
                StreamSpec {
                    replicas: Some(6),
                    ..asked()
                },
                "`replicas` is 1 to 5",
            ),
            (
                StreamSpec {
                    max_bytes: Some(0),
                    ..asked()
                },
                "at least 1",
            ),
            (
                StreamSpec {
                    max_age: Some(Duration::from_secs(60)),
                    dedup: Some(Duration::from_secs(61)),
                    ..asked()
                },
                "at least as long as `dedup`",
            ),
            (
                StreamSpec {
                    max_age: Some(Duration::from_millis(99)),
                    ..asked()
                },
                "`max_age` is at least 100 ms",
            ),
        ] {
            let error = spec.check().unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
        asked().check().unwrap();
    }

    #[test]
    fn ids_are_remembered_no_longer_than_messages_are_kept_unless_that_is_said() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        for (max_age, dedup, at_best, expected) in [
            (None, None, None, 2),
            (Some(1), None, None, 1),
            (Some(60), None, None, 2),
            (None, None, Some(60), 60),
            (Some(30), None, Some(60), 30),
            (Some(30), Some(5), Some(60), 5),
            (None, Some(90), Some(60), 90),
        ] {
            let spec = StreamSpec {
                max_age: max_age.map(minutes),
                dedup: dedup.map(minutes),
                dedup_at_best: at_best.map(minutes),
                ..asked()
            };
            assert_eq!(spec.dedup_window(), minutes(expected), "{spec:?}");
            spec.check().unwrap();
        }
    }
}
