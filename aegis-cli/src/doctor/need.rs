//! What the services that are registered need: streams, buckets, and places in streams.

use std::collections::BTreeMap;

use serde_json::Value;

use super::facts::{Facts, Names, Record};

/// The lanes of a command.
const LANES: [&str; 4] = ["critical", "high", "normal", "low"];

/// What is needed, and whose need it is.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// Streams and streams of buckets, by name.
    pub(super) streams: BTreeMap<String, String>,
    /// By the stream and the name of the consumer, or what its name begins with.
    pub(super) places: BTreeMap<(String, String), Place>,
}

/// The place of a handler in a stream: one consumer, or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// `billing.bill`
    pub(super) handler: String,
    pub(super) kind: Kind,
    /// Sorted.
    pub(super) filters: Vec<String>,
}

/// How consumers of a place are named, and set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One for all instances.
    Compete,
    /// One for each instance, whose names begin with that of the place.
    Broadcast,
    /// One for each leadership, and one that notes where the first instance began.
    Exclusive,
    /// One lane of a command.
    Lane,
}

impl Kind {
    /// How many messages may be delivered and not done with.
    pub(super) fn most_pending(self) -> i64 {
        match self {
            Self::Compete | Self::Broadcast => 10_000,
            Self::Exclusive => 1,
            Self::Lane => 100_000,
        }
    }

    /// Whether a consumer stands at a place of this kind and name.
    pub(super) fn is_at(self, place: &str, consumer: &str) -> bool {
        match consumer.strip_prefix(place) {
            Some("") => self != Self::Broadcast,
            Some(rest) => match self {
                Self::Compete | Self::Lane => false,
                Self::Broadcast => rest.starts_with("__"),
                Self::Exclusive => rest.strip_prefix("__").is_some_and(is_term),
            },
            None => false,
        }
    }
}

/// `{epoch}-{session}`
fn is_term(text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text.split_once('-');
    parts.is_some_and(|(epoch, session)| number(epoch) && number(session))
}

impl Needs {
    /// Of everybody who has a record.
    pub(super) fn of(facts: &Facts) -> Self {
        let mut needs = Self::default();
        for record in facts.records() {
            needs.add(&facts.names, record);
        }
        needs
    }

    fn add(&mut self, names: &Names, record: &Record) {
        let instance = &record.instance;
        let handlers = instance.metadata.get("handlers").and_then(Value::as_array);
        for handler in handlers.into_iter().flatten() {
            let text = |field: &str| handler[field].as_str().unwrap_or_default();
            let name = format!("{}.{}", instance.service, text("name"));
            let base = format!("{}__{}", instance.service, text("name"));
            let mut filters: Vec<String> = text("subject").split(' ').map(str::to_owned).collect();
            filters.sort();
            let mut place = Place {
                handler: name,
                kind: Kind::Compete,
                filters,
            };
            match (text("kind"), text("mode")) {
                ("subscribe", mode) => {
                    place.kind = match mode {
                        "broadcast" => Kind::Broadcast,
                        "exclusive" => Kind::Exclusive,
                        _ => Kind::Compete,
                    };
                    self.streams_for(&place, &[&names.events, &names.dead]);
                    if place.kind == Kind::Exclusive {
                        self.streams_for(&place, &[&names.leaders]);
                    }
                    self.places.insert((names.events.clone(), base), place);
                }
                ("command", _) => {
                    self.streams_for(&place, &[&names.commands, &names.dead, &names.jobs]);
                    self.lanes(names, &base, &place);
                }
                ("exclusive_rpc", _) => self.streams_for(&place, &[&names.leaders]),
                _ => {}
            }
        }
    }

    fn streams_for(&mut self, place: &Place, streams: &[&String]) {
        for stream in streams {
            let whose = self.streams.entry((*stream).clone());
            whose.or_insert_with(|| place.handler.clone());
        }
    }

    fn lanes(&mut self, names: &Names, base: &str, place: &Place) {
        for lane in LANES {
            let root = place.filters.first().and_then(|all| all.strip_suffix('*'));
            let place = Place {
                kind: Kind::Lane,
                filters: vec![format!("{}{lane}", root.unwrap_or_default())],
                ..place.clone()
            };
            let key = (names.commands.clone(), format!("{base}__{lane}"));
            self.places.insert(key, place);
        }
    }

    /// The place at which a consumer stands.
    pub(super) fn at(&self, stream: &str, consumer: &str) -> Option<&Place> {
        let here = self.places.iter().filter(|((of, _), _)| of == stream);
        let mut found = here.filter(|((_, name), place)| place.kind.is_at(name, consumer));
        found.next().map(|(_, place)| place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consumers_are_known_by_their_names() {
        for (kind, consumer, expected) in [
            (Kind::Compete, "a__b", true),
            (Kind::Compete, "a__b__one", false),
            (Kind::Compete, "a__bc", false),
            (Kind::Broadcast, "a__b", false),
            (Kind::Broadcast, "a__b__one-00ff", true),
            (Kind::Exclusive, "a__b", true),
            (Kind::Exclusive, "a__b__42-1", true),
            (Kind::Exclusive, "a__b__c", false),
            (Kind::Lane, "a__b", true),
        ] {
            assert_eq!(
                kind.is_at("a__b", consumer),
                expected,
                "{kind:?} {consumer}"
            );
        }
    }
}
