//! Streams and buckets, and the places of handlers in them.

use aegis::port::Discard;

use super::{SECOND, changed, consumer, found, leads_to, one_stream, places, streams};
use crate::doctor::facts::Facts;
use crate::doctor::finding::Level;
use crate::doctor::judged;
use crate::doctor::stream::{Consumer, Stream};

/// With a stream that is otherwise.
fn drift(change: fn(&mut Stream), name: &str) -> Facts {
    changed(|facts| change(one_stream(facts, name)))
}

/// With a place for events that is otherwise.
fn bill(change: fn(&mut Consumer)) -> Facts {
    changed(|facts| change(&mut places(facts, "EVENTS")[0]))
}

/// The same with a lane of commands.
fn lane(change: fn(&mut Consumer)) -> Facts {
    changed(|facts| change(&mut places(facts, "COMMANDS")[0]))
}

/// With another place, in which so much waits.
fn left(stream: &str, name: &str, pending: u64) -> Facts {
    changed(|facts| {
        let mut left = consumer(name, "x.y", 10_000);
        left.pending = pending;
        places(facts, stream).push(left);
    })
}

#[test]
fn streams_that_are_missing_or_full() {
    let full = |bytes: u64| {
        changed(|facts| {
            let stream = one_stream(facts, "COMMANDS");
            stream.bytes = bytes;
            stream.discard = Discard::New;
        })
    };
    let group = "streams";
    leads_to(vec![
        (
            "the dead letters are gone",
            changed(|facts| streams(facts).retain(|stream| stream.name != "DEAD")),
            (group, Level::Warning, "stream_missing"),
        ),
        (
            "so is the bucket of leaders",
            changed(|facts| streams(facts).retain(|stream| stream.name != "KV_sticky_active")),
            (group, Level::Problem, "stream_missing"),
        ),
        (
            "nearly full",
            full(800),
            (group, Level::Warning, "stream_full"),
        ),
        ("full", full(950), (group, Level::Problem, "stream_full")),
        (
            "full of what all have done with",
            drift(|stream| stream.bytes = 990, "EVENTS"),
            (group, Level::Note, "stream_full"),
        ),
    ]);
    let needed = changed(|facts| {
        one_stream(facts, "EVENTS").bytes = 990;
        one_stream(facts, "EVENTS").messages = 100;
        places(facts, "EVENTS")[0].pending = 100;
    });
    assert_eq!(found(&needed), [(group, Level::Problem, "stream_full")]);
}

#[test]
fn streams_in_danger_or_kept_otherwise() {
    let group = "streams";
    leads_to(vec![
        (
            "without a limit",
            drift(|stream| stream.max_bytes = None, "EVENTS"),
            (group, Level::Warning, "stream_without_limit"),
        ),
        (
            "without a leader",
            drift(|stream| stream.led = false, "EVENTS"),
            (group, Level::Problem, "stream_without_leader"),
        ),
        (
            "a server behind",
            drift(|stream| stream.behind = vec!["n3".to_owned()], "EVENTS"),
            (group, Level::Warning, "replica_behind"),
        ),
        (
            "it says nothing",
            drift(|stream| stream.acknowledges = false, "EVENTS"),
            (group, Level::Problem, "stream_drift"),
        ),
        (
            "one message for each subject",
            drift(|stream| stream.max_per_subject = Some(1), "COMMANDS"),
            (group, Level::Problem, "stream_drift"),
        ),
        (
            "jobs in memory",
            drift(
                |stream| stream.storage = aegis::Storage::Memory,
                "KV_aegis_jobs",
            ),
            (group, Level::Warning, "stream_drift"),
        ),
        (
            "leaders that expire",
            drift(|stream| stream.max_age = Some(SECOND), "KV_sticky_active"),
            (group, Level::Problem, "stream_drift"),
        ),
        (
            "a registry of an older server",
            drift(|stream| stream.key_ttl = false, "KV_service_registry"),
            (group, Level::Note, "stream_drift"),
        ),
        (
            "a cluster that keeps it once",
            changed(|facts| {
                facts.server.cluster = Some("c".to_owned());
                for stream in streams(facts) {
                    stream.replicas = if stream.name == "EVENTS" { 1 } else { 3 };
                }
            }),
            ("replicas", Level::Warning, "few_replicas"),
        ),
    ]);
}

#[test]
fn places_that_are_missing_or_drifted() {
    let group = "consumers";
    leads_to(vec![
        (
            "a lane is gone",
            changed(|facts| drop(places(facts, "COMMANDS").remove(2))),
            (group, Level::Problem, "consumer_missing"),
        ),
        (
            "it takes something else",
            bill(|found| found.filters = vec!["events.>".to_owned()]),
            (group, Level::Warning, "consumer_drift"),
        ),
        (
            "it gives up by itself",
            bill(|found| found.max_deliver = 3),
            (group, Level::Warning, "consumer_drift"),
        ),
        (
            "paused",
            bill(|found| found.paused = true),
            (group, Level::Problem, "consumer_paused"),
        ),
        (
            "much waits",
            bill(|found| found.pending = 10_000),
            (group, Level::Warning, "backlog"),
        ),
        (
            "nobody asks",
            bill(|found| (found.pending, found.waiting) = (1, 0)),
            (group, Level::Warning, "not_read"),
        ),
    ]);
}

#[test]
fn lanes_that_are_full_and_places_that_were_left() {
    let group = "consumers";
    leads_to(vec![
        (
            "a lane that is nearly full",
            lane(|found| found.ack_pending = 90_000),
            (group, Level::Warning, "in_hands"),
        ),
        (
            "a lane that is full",
            lane(|found| found.ack_pending = 100_000),
            (group, Level::Problem, "in_hands"),
        ),
        (
            "a handler that was renamed",
            left("EVENTS", "billing__charge", 3),
            (group, Level::Warning, "nobody_reads"),
        ),
        (
            "one that left nothing",
            left("EVENTS", "billing__charge", 0),
            (group, Level::Note, "nobody_reads"),
        ),
        (
            "commands of nobody",
            left("COMMANDS", "mill__grind__low", 1),
            (group, Level::Problem, "nobody_reads"),
        ),
    ]);
    // Of somebody else, and one that the server removes by itself.
    assert_eq!(found(&left("EVENTS", "mine", 3)), []);
    let passing = changed(|facts| {
        let mut one = consumer("billing__all__two-00ff", "x", 10_000);
        one.passing = Some(SECOND);
        places(facts, "EVENTS").push(one);
    });
    assert_eq!(found(&passing), []);
    let text = judged(&left("COMMANDS", "billing__send__low", 2));
    let finding = &text[4].findings[0];
    assert!(
        finding
            .what
            .starts_with("billing__send__low: 2 messages wait, and no instance of billing")
    );
    let mend = "`nats consumer rm COMMANDS billing__send__low -f` and `nats stream purge COMMANDS \
                --subject 'x.y' -f`";
    assert!(finding.mend.ends_with(mend), "{}", finding.mend);
}

/// With these settings, on a server alone or in a cluster of so many.
fn asking(config: &aegis::Config, cluster: Option<usize>) -> Facts {
    changed(|facts| {
        facts.asked_replicas = config.asked_replicas();
        facts.cluster_size = cluster;
        facts.server.cluster = cluster.map(|_| "c".to_owned());
        for stream in streams(facts) {
            stream.replicas = if cluster.is_some() { 3 } else { 1 };
        }
    })
}

#[test]
fn more_servers_are_asked_for_than_there_are() {
    let production = aegis::Config::default().profile(aegis::Profile::Production);
    let five = aegis::Config::default().events_replicas(5);
    let problem = ("replicas", Level::Problem, "too_many_replicas");
    leads_to(vec![
        ("a server alone", asking(&production, None), problem),
        ("a small cluster", asking(&five, Some(3)), problem),
    ]);
    for (config, cluster) in [
        (&production, Some(3)),
        (&aegis::Config::default().replicas(1), None),
    ] {
        assert_eq!(found(&asking(config, cluster)), []);
    }
    let mut unknown = asking(&five, Some(3));
    unknown.cluster_size = None;
    assert_eq!(found(&unknown), [], "nobody told how many there are");
    let groups = judged(&asking(&production, None));
    let finding = &groups[11].findings[0];
    let what = "`nats.replicas` = 3 (from the profile `production`), and the server is alone";
    assert_eq!((&*finding.what, &*finding.about), (what, "nats.replicas"));
    assert!(
        finding.mend.contains("AEGIS_NATS_REPLICAS=1"),
        "{finding:?}"
    );
    let text = &judged(&asking(&five, Some(3)))[11].findings[0].what;
    assert!(text.ends_with("and the cluster c has 3 servers"), "{text}");
}
