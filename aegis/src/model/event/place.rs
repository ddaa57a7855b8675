//! The places of handlers in the stream: how their consumers are named, and whether anybody is
//! there to take an event that is brought back.

use crate::model::{ConsumerStatus, Pattern};

/// The server names files after consumers.
const LONGEST: usize = 200;
/// What tells processes apart, with what stands before it.
const BOOT: usize = 17;

/// Which handler it is, whatever the instance; shared by all of them, its place too.
pub(crate) fn handler_place(service: &str, handler: &str) -> String {
    format!("{service}__{handler}")
}

/// The place of one instance of a handler that all instances have, which outlives its process.
pub(crate) fn instance_place(handler: &str, instance: &str) -> String {
    shortened(format!("{handler}__{instance}"), LONGEST)
}

/// The place of one process of an instance, which begins anew with each: `boot` tells them apart.
pub(crate) fn process_place(handler: &str, instance: &str, boot: u64) -> String {
    let instance = shortened(format!("{handler}__{instance}"), LONGEST - BOOT);
    format!("{instance}-{boot:016x}")
}

/// Whether a consumer is the place of this instance, or of a process of it.
fn is_place_of(consumer: &str, handler: &str, instance: &str) -> bool {
    if consumer == instance_place(handler, instance) {
        return true;
    }
    let instance = shortened(format!("{handler}__{instance}"), LONGEST - BOOT);
    let boot = consumer.strip_prefix(&instance);
    let boot = boot.and_then(|rest| rest.strip_prefix('-'));
    boot.is_some_and(|boot| boot.len() + 1 == BOOT && u64::from_str_radix(boot, 16).is_ok())
}

/// A name that is too long keeps its beginning, and is told apart by a sum of the whole (FNV-1a).
fn shortened(name: String, longest: usize) -> String {
    if name.len() <= longest {
        return name;
    }
    let sum = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut kept = longest - 17;
    while !name.is_char_boundary(kept) {
        kept -= 1;
    }
    format!("{}-{sum:016x}", &name[..kept])
}

/// Why an event is brought back to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoTaker {
    /// No handler of this name has a place in the stream.
    Unknown,
    /// It has one, and does not want such events.
    Unwanted,
    /// It has one, and nobody takes events from it now.
    Away,
    /// Other instances have places of their own, and the one that gave it up has none.
    OtherInstances,
}

/// Whose a consumer is, seen from one handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// All instances', or the leader's.
    Shared,
    /// One instance's.
    Instance,
}

impl Whose {
    /// None if it is another handler's.
    fn of(handler: &str, consumer: &ConsumerStatus) -> Option<Self> {
        let rest = consumer.name.strip_prefix(handler)?;
        if rest.is_empty() {
            return Some(Self::Shared);
        }
        let rest = rest.strip_prefix("__")?;
        // The server forgets those of instances alone: a name is not enough, `b__c` may be a handler.
        if consumer.inactive_threshold.is_some() {
            return Some(Self::Instance);
        }
        let (epoch, session) = rest.split_once('-')?;
        let is_number = |text: &str| text.parse::<u64>().is_ok();
        (is_number(epoch) && is_number(session)).then_some(Self::Shared)
    }
}

/// Whether somebody waits for its messages, or has some in hands. Whoever was killed seems to have:
/// what is shared waits for others, and the place of an instance is forgotten with all that it had.
fn is_attended((whose, consumer): &(Whose, &ConsumerStatus)) -> bool {
    consumer.waiting > 0 || (consumer.ack_pending > 0 && *whose == Whose::Shared)
}

fn wants(consumer: &ConsumerStatus, subject: &str) -> bool {
    let filters = &consumer.filters;
    let mut patterns = filters.iter().cloned().map(Pattern::trusted);
    filters.is_empty() || patterns.any(|pattern| pattern.matches(subject))
}

/// The places of a handler that get events of a subject, among all consumers of the stream.
fn places<'a>(
    handler: &str,
    subject: &str,
    all: &'a [ConsumerStatus],
) -> Result<Vec<(Whose, &'a ConsumerStatus)>, NoTaker> {
    let whose = |found: &'a ConsumerStatus| Some((Whose::of(handler, found)?, found));
    let mut places: Vec<_> = all.iter().filter_map(whose).collect();
    if places.is_empty() {
        return Err(NoTaker::Unknown);
    }
    places.retain(|(_, place)| wants(place, subject));
    if places.is_empty() {
        return Err(NoTaker::Unwanted);
    }
    Ok(places)
}

/// Whom an event is meant for, as [`ONLY`](crate::model::header::ONLY) says it, that a handler gave
/// up on an instance: the handler, or that instance of it if each of them gets every event.
pub(crate) fn back_to(
    handler: &str,
    instance: &str,
    subject: &str,
    all: &[ConsumerStatus],
) -> Result<String, NoTaker> {
    let mut places = places(handler, subject, all)?;
    places.retain(is_attended);
    let is_own = |(whose, place): &(Whose, &ConsumerStatus)| {
        *whose == Whose::Instance && is_place_of(&place.name, handler, instance)
    };
    if places.iter().any(is_own) {
        return Ok(instance_place(handler, instance));
    }
    if places.iter().any(|(whose, _)| *whose == Whose::Shared) {
        return Ok(handler.to_owned());
    }
    Err(if places.is_empty() {
        NoTaker::Away
    } else {
        NoTaker::OtherInstances
    })
}

/// The same for a handler that somebody has named, all instances of it: whether anybody is there now
/// is left to them.
pub(crate) fn named(
    handler: &str,
    subject: &str,
    all: &[ConsumerStatus],
) -> Result<String, NoTaker> {
    places(handler, subject, all).map(|_| handler.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::OffsetDateTime;

    use super::*;
    use crate::model::DeliverFrom;

    /// `billing__bill`; `+` behind it is one that somebody reads, `*` one that the server forgets.
    fn consumer(text: &str) -> ConsumerStatus {
        let name = text.trim_end_matches(['+', '*']);
        ConsumerStatus {
            name: name.to_owned(),
            description: None,
            filters: vec!["events.a.*".to_owned(), "events.b.c".to_owned()],
            from: DeliverFrom::New,
            ack_wait: Duration::from_secs(30),
            max_ack_pending: 1,
            inactive_threshold: text.contains('*').then_some(Duration::from_secs(60)),
            delivered: 0,
            ack_floor: 0,
            deliveries: 0,
            ack_pending: 0,
            redelivered: 0,
            pending: 0,
            waiting: u64::from(text.contains('+')),
            created: OffsetDateTime::UNIX_EPOCH,
        }
    }

    fn all(names: &str) -> Vec<ConsumerStatus> {
        names.split_whitespace().map(consumer).collect()
    }

    #[test]
    fn what_was_given_up_goes_back_to_who_is_there_to_take_it() {
        let (handler, own) = (Ok("s__h"), Ok("s__h__one"));
        for (there, expected) in [
            ("", Err(NoTaker::Unknown)),
            ("s__other+ s__hh+ t__h+", Err(NoTaker::Unknown)),
            // Another handler, with a name that begins alike.
            ("s__h__more+", Err(NoTaker::Unknown)),
            ("s__h+", handler),
            ("s__h", Err(NoTaker::Away)),
            ("s__h__42-1+", handler),
            ("s__h s__h__42-1+", handler),
            ("s__h__42-1", Err(NoTaker::Away)),
            ("s__h__one*+", own),
            ("s__h__one*+ s__h__two*+", own),
            ("s__h__two*+", Err(NoTaker::OtherInstances)),
            ("s__h__one* s__h__two*+", Err(NoTaker::OtherInstances)),
            ("s__h__one*", Err(NoTaker::Away)),
            // Its mode was changed, and what it had before is there still.
            ("s__h__one* s__h+", handler),
            ("s__h s__h__one*+", own),
            ("s__h s__h__two*+", Err(NoTaker::OtherInstances)),
        ] {
            let found = back_to("s__h", "one", "events.a.x", &all(there));
            assert_eq!(found.as_deref().map_err(|why| *why), expected, "{there}");
        }
    }

    #[test]
    fn who_does_not_want_such_events_does_not_get_them_back() {
        for (subject, wanted) in [
            ("events.a.x", true),
            ("events.b.c", true),
            ("events.b.d", false),
        ] {
            let there = all("s__h+");
            let back = back_to("s__h", "one", subject, &there);
            let named = named("s__h", subject, &there);
            assert_eq!(back, named, "{subject}");
            let unwanted = back == Err(NoTaker::Unwanted);
            assert_eq!(unwanted, !wanted, "{subject}");
        }
        let mut whatever = consumer("s__h+");
        whatever.filters.clear();
        assert!(named("s__h", "events.z", &[whatever]).is_ok());
    }

    #[test]
    fn who_is_named_gets_it_when_it_is_back() {
        for (there, expected) in [
            ("s__h", Ok("s__h")),
            ("s__h__two*", Ok("s__h")),
            ("s__other+", Err(NoTaker::Unknown)),
        ] {
            let found = named("s__h", "events.a.x", &all(there));
            assert_eq!(found.as_deref().map_err(|why| *why), expected, "{there}");
        }
    }

    #[test]
    fn who_has_all_hands_full_is_there() {
        for (name, expected) in [
            ("s__h", Ok("s__h")),
            // Or it was killed.
            ("s__h__one*", Err(NoTaker::Away)),
        ] {
            let mut busy = consumer(name);
            busy.ack_pending = 1;
            let found = back_to("s__h", "one", "events.a.x", &[busy]);
            assert_eq!(found.as_deref().map_err(|why| *why), expected, "{name}");
        }
    }

    #[test]
    fn names_that_are_too_long_stay_apart() {
        let (one, other) = ("a".repeat(300), format!("{}b", "a".repeat(299)));
        let names = [instance_place("s__h", &one), instance_place("s__h", &other)];
        assert_ne!(names[0], names[1]);
        assert!(names.iter().all(|name| name.len() == LONGEST));
        // A dead letter of somebody else may say anything.
        assert!(instance_place("s__h", &"\u{20ac}".repeat(100)).len() <= LONGEST);
        for name in ["one", &"x".repeat(300)] {
            let process = process_place("s__h", name, 7);
            assert!(process.len() <= LONGEST, "{process}");
            assert!(is_place_of(&process, "s__h", name), "{process}");
            assert!(is_place_of(&instance_place("s__h", name), "s__h", name));
            assert!(!is_place_of(&process, "s__h", "two"), "{process}");
        }
    }
}
