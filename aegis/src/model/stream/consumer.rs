//! A durable place in a stream: as it is asked for, as it is found, and how the two differ.

use std::time::Duration;

use time::OffsetDateTime;

use super::spec::{StreamSpec, any_overlap};
use crate::model::{Pattern, SpecError};

/// Where a new consumer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeliverFrom {
    /// With what is stored from now on.
    #[default]
    New,
    /// With the oldest message that the stream holds.
    All,
    /// With this sequence, or the next one that the stream holds. Servers before NATS 2.11 take one
    /// that was not reached yet for [`New`](Self::New).
    Sequence(u64),
    /// With what was stored at this time or later, by the server's clock.
    Time(OffsetDateTime),
}

/// A consumer that is asked for. Every message is acknowledged by itself; what is not, within
/// [`ack_wait`](Self::ack_wait), is delivered again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerSpec {
    /// Its name: up to 200 letters, digits, `_` or `-`. Whoever names it shares it.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// What it delivers of what the stream holds. They must not overlap.
    pub filters: Vec<Pattern>,
    /// Where it begins; of one that exists this stays as it was.
    pub from: DeliverFrom,
    /// What is not acknowledged for so long is delivered again.
    pub ack_wait: Duration,
    /// How many messages may be delivered and not acknowledged, in all hands together; what waits
    /// for its next attempt counts.
    pub max_ack_pending: u32,
    /// It is removed when nobody pulled from it for so long; none is never.
    pub inactive_threshold: Option<Duration>,
    /// Its place is kept in memory only, on one server.
    pub in_memory: bool,
}

/// What is known of a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerStatus {
    /// Its name.
    pub name: String,
    /// For people, and for whoever made it.
    pub description: Option<String>,
    /// What it delivers.
    pub filters: Vec<String>,
    /// Where it began.
    pub from: DeliverFrom,
    /// What is not acknowledged for so long is delivered again.
    pub ack_wait: Duration,
    /// How many messages may be delivered and not acknowledged.
    pub max_ack_pending: u32,
    /// It is removed when nobody pulled from it for so long.
    pub inactive_threshold: Option<Duration>,
    /// Everything up to this sequence of the stream was delivered at least once.
    pub delivered: u64,
    /// Everything up to this sequence of the stream is done with.
    pub ack_floor: u64,
    /// How often it delivered what is not done with. It is exact where one message at a time is
    /// delivered, and an upper bound otherwise.
    pub deliveries: u64,
    /// Messages that were delivered and are not done with.
    pub ack_pending: u64,
    /// Of those, how many were delivered more than once.
    pub redelivered: u64,
    /// Messages that were not delivered yet.
    pub pending: u64,
    /// Questions for messages that wait for one. Somebody who reads, and has nothing in hands, asks.
    pub waiting: u64,
    /// When it was made, by the server's clock.
    pub created: OffsetDateTime,
}

/// How a consumer that exists differs from what is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ConsumerDrift {
    /// What is to be changed, each as `` `ack_wait` (2s asked for, 1s there) ``. All of it can be.
    pub changeable: Vec<String>,
}

impl ConsumerSpec {
    /// A consumer of this name for all that the stream holds from now on: an ack wait of 30 s, at
    /// most 1,000 unacknowledged messages, on disk, for ever.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            description: None,
            filters: Vec::new(),
            from: DeliverFrom::New,
            ack_wait: Duration::from_secs(30),
            max_ack_pending: 1000,
            inactive_threshold: None,
            in_memory: false,
        }
    }

    /// Whether a name can be that of a consumer.
    pub fn check_name(name: &str) -> Result<(), SpecError> {
        StreamSpec::check_name(name).map_err(|_| {
            let shown: String = name.chars().take(80).collect();
            SpecError::new(format!(
                "the consumer name {shown:?} is not allowed: it is up to 200 letters, digits, `_` \
                 or `-`"
            ))
        })
    }

    /// Whether such a consumer can be.
    pub fn check(&self) -> Result<(), SpecError> {
        let name = &self.name;
        Self::check_name(name)?;
        let wrong = if self.ack_wait < Duration::from_millis(10) {
            "`ack_wait` is at least 10 ms"
        } else if self.max_ack_pending == 0 {
            "`max_ack_pending` is at least 1"
        } else if any_overlap(&self.filters) {
            "two of its filters overlap: leave out the narrower one"
        } else {
            return Ok(());
        };
        Err(SpecError::new(format!(
            "the consumer {name} cannot be: {wrong}"
        )))
    }

    /// How a consumer that exists differs from this one.
    pub fn drift(&self, found: &ConsumerStatus) -> ConsumerDrift {
        let mut changeable = Vec::new();
        let mut add = |what: &str, asked: String, there: String| {
            if asked != there {
                changeable.push(format!("`{what}` ({asked} asked for, {there} there)"));
            }
        };
        let list = |mut all: Vec<&str>| {
            all.sort_unstable();
            all.join(" ")
        };
        let asked = self.filters.iter().map(Pattern::as_str).collect();
        let there = found.filters.iter().map(String::as_str).collect();
        add("filters", list(asked), list(there));
        let shown = |time: Duration| format!("{time:?}");
        add("ack_wait", shown(self.ack_wait), shown(found.ack_wait));
        let most = |most: u32| most.to_string();
        add(
            "max_ack_pending",
            most(self.max_ack_pending),
            most(found.max_ack_pending),
        );
        let never = |time: Option<Duration>| time.map_or("never".to_owned(), shown);
        add(
            "inactive_threshold",
            never(self.inactive_threshold),
            never(found.inactive_threshold),
        );
        ConsumerDrift { changeable }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> ConsumerStatus {
        ConsumerStatus {
            name: "c".to_owned(),
            description: None,
            filters: vec!["b".to_owned(), "a".to_owned()],
            from: DeliverFrom::New,
            ack_wait: Duration::from_secs(30),
            max_ack_pending: 1000,
            inactive_threshold: None,
            delivered: 0,
            ack_floor: 0,
            deliveries: 0,
            ack_pending: 0,
            redelivered: 0,
            pending: 0,
            waiting: 0,
            created: OffsetDateTime::UNIX_EPOCH,
        }
    }

    fn asked() -> ConsumerSpec {
        ConsumerSpec {
            filters: ["a", "b"].map(|text| Pattern::parse(text).unwrap()).into(),
            ..ConsumerSpec::new("c")
        }
    }

    #[test]
    fn a_drift_names_what_was_asked_for_and_what_is_there() {
        assert_eq!(asked().drift(&found()).changeable, [""; 0]);
        let other = ConsumerSpec {
            ack_wait: Duration::from_secs(5),
            inactive_threshold: Some(Duration::from_secs(60)),
            filters: Vec::new(),
            ..asked()
        };
        assert_eq!(
            other.drift(&found()).changeable,
            [
                "`filters` ( asked for, a b there)",
                "`ack_wait` (5s asked for, 30s there)",
                "`inactive_threshold` (60s asked for, never there)",
            ]
        );
    }

    #[test]
    fn what_cannot_be_is_told() {
        let wrong = ConsumerSpec {
            ack_wait: Duration::ZERO,
            ..asked()
        };
        let twice = ConsumerSpec {
            filters: ["a.*", "a.b"]
                .map(|text| Pattern::parse(text).unwrap())
                .into(),
            ..asked()
        };
        for (spec, text) in [
            (twice, "overlap"),
            (ConsumerSpec::new("a b"), "is not allowed"),
            (wrong, "`ack_wait` is at least"),
        ] {
            let error = spec.check().unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
        asked().check().unwrap();
    }
}
