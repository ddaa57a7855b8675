//! Consumers: places that handlers need and nobody made, places that nobody reads from, and what
//! waits in them.

use std::collections::BTreeSet;

use super::facts::Facts;
use super::finding::{Finding, Group, count};
use super::need::{Kind, Needs, Place};
use super::stream::Consumer;

const GROUP: &str = "consumers";
/// So much that waits is a sign of too few instances, or of one that hangs.
const MUCH: u64 = 10_000;

pub(super) fn judge(facts: &Facts, needs: &Needs) -> Group {
    let (mut findings, mut all, mut waits) = (Vec::new(), 0, 0);
    for (stream, consumers) in &facts.consumers {
        let consumers = match consumers {
            Ok(consumers) => consumers,
            // There is none: what is needed of it is told with the streams.
            Err(_) if facts.streams.is_ok() && facts.stream(stream).is_none() => continue,
            Err(why) => return Group::unasked(GROUP, why),
        };
        findings.extend(missing(stream, consumers, needs, facts));
        for consumer in consumers {
            all += 1;
            waits += consumer.backlog();
            match needs.at(stream, &consumer.name) {
                Some(place) => {
                    findings.extend(drift(stream, consumer, place));
                    findings.extend(burden(stream, consumer, place));
                }
                None => findings.extend(left(stream, consumer, facts)),
            }
        }
    }
    let waits = usize::try_from(waits).unwrap_or(usize::MAX);
    let summary = format!(
        "{}, in which {} or {} worked on",
        count(all, "place", "places"),
        count(waits, "message waits", "messages wait"),
        if waits == 1 { "is" } else { "are" }
    );
    Group::new(GROUP, summary, findings)
}

/// Places of handlers that run, where no consumer is.
fn missing(stream: &str, there: &[Consumer], needs: &Needs, facts: &Facts) -> Vec<Finding> {
    let needed = needs.places.iter().filter(|((of, _), _)| of == stream);
    let gone = needed.filter(|((_, name), place)| {
        !there
            .iter()
            .any(|consumer| place.kind.is_at(name, &consumer.name))
    });
    // Without the stream that is one finding, not one for each place in it.
    let gone = gone.filter(|_| facts.stream(stream).is_some());
    let finding = |((_, name), place): (&(String, String), &Place)| {
        let handler = &place.handler;
        let what = format!("{handler} has no place in the stream {stream}: {name} is missing");
        Finding::problem("consumer_missing", name, what)
            .because("nothing of it reaches the handler; an instance that runs makes it anew by itself")
            .mended_by(format!(
                "look again in a few seconds; if it stays so, restart an instance of {} and look at its \
                 log",
                service_of(handler)
            ))
    };
    gone.map(finding).collect()
}

fn service_of(handler: &str) -> &str {
    handler
        .split_once('.')
        .map_or(handler, |(service, _)| service)
}

/// Settings other than the framework makes.
fn drift(stream: &str, found: &Consumer, place: &Place) -> Option<Finding> {
    let name = &found.name;
    let mut wrong = Vec::new();
    let mut differs = |what: &str, there: String, usual: String| {
        if there != usual {
            wrong.push(format!("`{what}` is {there} instead of {usual}"));
        }
    };
    let list = |filters: &[String]| filters.join(" ");
    // The one that notes where an exclusive handler began delivers nothing.
    let notes = place.kind == Kind::Exclusive && !name.ends_with(|c: char| c.is_ascii_digit());
    if !notes {
        differs("filter", list(&found.filters), list(&place.filters));
        let most = place.kind.most_pending();
        differs(
            "max_ack_pending",
            found.max_ack_pending.to_string(),
            most.to_string(),
        );
    }
    differs("ack_policy", found.acks.clone(), "explicit".to_owned());
    differs(
        "max_deliver",
        found.max_deliver.to_string(),
        "-1".to_owned(),
    );
    if found.paused {
        let what = format!("{name} is paused: {} gets nothing", place.handler);
        let finding = Finding::problem("consumer_paused", name, what)
            .because("somebody paused it, and nothing is delivered until it goes on")
            .mended_by(format!("`nats consumer resume {stream} {name}`"));
        return Some(finding);
    }
    if wrong.is_empty() {
        return None;
    }
    let what = format!(
        "{name} is otherwise than {} makes it: {}",
        place.handler,
        wrong.join(", ")
    );
    let finding = Finding::warning("consumer_drift", name, what)
        .because(
            "attempts and dead letters are counted by these settings: with others a message may be \
             lost, or hold up the ones behind it",
        )
        .mended_by(format!(
            "restart an instance of {}, which changes it back; what cannot be changed: `nats consumer \
             rm {stream} {name}` when none runs, and its backlog with it",
            service_of(&place.handler)
        ));
    Some(finding)
}

/// What waits at a place that somebody reads from.
fn burden(stream: &str, found: &Consumer, place: &Place) -> Option<Finding> {
    let (name, handler) = (&found.name, &place.handler);
    let most = u64::try_from(found.max_ack_pending).unwrap_or(u64::MAX);
    let in_hands = found.ack_pending;
    if place.kind != Kind::Exclusive && in_hands >= most / 10 * 9 {
        let what = format!(
            "{name}: {in_hands} messages are in hands, or wait for their time or another attempt; from \
             {most} on nothing new is delivered"
        );
        let finding = if in_hands < most {
            Finding::warning("in_hands", name, what)
        } else {
            Finding::problem("in_hands", name, what)
        };
        let (why, mend) = match place.kind {
            Kind::Lane => (
                "commands that wait for a later time or another attempt stand in the way of new ones",
                "fewer delays and retries: `aegis command list --state retrying` shows what fails; \
                 another command for what is delayed",
            ),
            _ => (
                "events that fail stand in the way of new ones",
                "see why it fails (`aegis services`, its log); with fewer `retries` they become dead \
                 letters sooner",
            ),
        };
        return Some(finding.because(why).mended_by(mend));
    }
    // Whoever has room asks.
    let unread = found.pending > 0 && found.waiting == 0 && in_hands == 0;
    if unread && place.kind != Kind::Exclusive {
        let what = format!(
            "{name}: {} messages wait, and {handler} does not ask for them",
            found.pending
        );
        let finding = Finding::warning("not_read", name, what)
            .because("an instance is registered for it, and may hang, or have lost its connection")
            .mended_by(format!(
                "`aegis services {}` shows who answers: restart who does not. If all do, \
                 their logs say why they get nothing, such as a missing permission (`aegis permissions`)",
                service_of(handler)
            ));
        return Some(finding);
    }
    if found.pending < MUCH {
        return None;
    }
    let what = format!("{name}: {} messages wait for {handler}", found.pending);
    let finding = Finding::warning("backlog", name, what)
        .because("they come in faster than they are handled, or it was away")
        .mended_by(format!(
            "more instances of {}, or more `concurrency` of the handler; `nats consumer info {stream} \
             {name}` shows whether it shrinks",
            service_of(handler)
        ));
    Some(finding)
}

/// A place that no registered handler stands at.
fn left(stream: &str, found: &Consumer, facts: &Facts) -> Option<Finding> {
    let name = &found.name;
    // The server removes it by itself; or it is none of the framework's.
    if found.passing.is_some() || !name.contains("__") || facts.registry.is_err() {
        return None;
    }
    let records = facts.records().iter();
    let services: BTreeSet<&str> = records.map(|record| &*record.instance.service).collect();
    let owner = services.iter().find(|service| {
        name.strip_prefix(**service)
            .is_some_and(|rest| rest.starts_with("__"))
    });
    let (backlog, queue) = (found.backlog(), *stream == facts.names.commands);
    let waits = usize::try_from(backlog).unwrap_or(usize::MAX);
    let waits = count(waits, "message waits", "messages wait");
    let what = match owner {
        Some(service) => format!(
            "{name}: {waits}, and no instance of {service} has such a handler: one that was renamed or \
             removed leaves its place behind"
        ),
        None => format!("{name}: {waits}, and no instance of its service is registered"),
    };
    let finding = match (backlog, queue) {
        (0, _) => Finding::note("nobody_reads", name, what),
        (_, false) => Finding::warning("nobody_reads", name, what),
        (_, true) => Finding::problem("nobody_reads", name, what),
    };
    let why = if queue {
        "these commands were taken, and nobody works on them"
    } else {
        "nobody handles what waits there; it takes no room of its own"
    };
    let back = match owner {
        Some(_) => "bring the handler back under its old name",
        None => "start the service",
    };
    let purge = match (queue, found.filters.first()) {
        (true, Some(filter)) if backlog > 0 => {
            format!(" and `nats stream purge {stream} --subject '{filter}' -f`")
        }
        _ => String::new(),
    };
    let mend = format!(
        "{back}; if it is not needed any more: `nats consumer rm {stream} {name} -f`{purge}"
    );
    Some(finding.because(why).mended_by(mend))
}
