//! The server and the way to it, instances, leaders.

use std::time::Duration;

use super::{SECOND, answer, changed, found, healthy, leads_to, record, records, seat};
use crate::doctor::facts::{Answer, Facts, Kubernetes, NoAccount, Seat, Sync, Way};
use crate::doctor::finding::Level;
use crate::doctor::judged;

#[test]
fn the_way_to_the_server_its_version_and_its_clock() {
    let millis = Duration::from_millis;
    leads_to(vec![
        (
            "a long way",
            changed(|facts| facts.round_trips = Ok(vec![millis(150); 20])),
            ("connection", Level::Warning, "lease_below_round_trips"),
        ),
        (
            "one slow message",
            changed(|facts| facts.round_trips.as_mut().unwrap()[7] = millis(150)),
            ("connection", Level::Note, "round_trip_spikes"),
        ),
        (
            "nothing comes back",
            changed(|facts| facts.round_trips = Err("silence".to_owned())),
            ("connection", Level::Problem, "no_round_trip"),
        ),
        (
            "an unknown version",
            changed(|facts| facts.server.version = "mine".to_owned()),
            ("server", Level::Note, "version_unknown"),
        ),
        (
            "a server of the last year",
            changed(|facts| facts.server.version = "2.11.11".to_owned()),
            ("server", Level::Note, "server_too_old"),
        ),
        (
            "a clock behind",
            changed(|facts| facts.clock.as_mut().unwrap().ahead = time::Duration::seconds(-3)),
            ("clock", Level::Warning, "clock_skew"),
        ),
        (
            "a clock in another hour",
            changed(|facts| facts.clock.as_mut().unwrap().ahead = time::Duration::HOUR),
            ("clock", Level::Problem, "clock_skew"),
        ),
        (
            "no clock",
            changed(|facts| facts.clock = None),
            ("clock", Level::Note, "not_asked"),
        ),
    ]);
}

#[test]
fn what_may_not_be_asked_and_when_the_disk_is_written() {
    leads_to(vec![
        (
            "a denial",
            changed(|facts| {
                facts
                    .denied
                    .insert("not allowed to publish on $JS.API.X: grant it".to_owned());
            }),
            ("permissions", Level::Warning, "denied"),
        ),
        (
            "no JetStream",
            changed(|facts| facts.account = Err(NoAccount::Denied("not you".to_owned()))),
            ("jetstream", Level::Note, "not_asked"),
        ),
        (
            "a lazy disk",
            changed(|facts| facts.sync = Sync::Every(120 * SECOND)),
            ("sync", Level::Warning, "sync_interval"),
        ),
        (
            "a lazy disk of this computer",
            changed(|facts| {
                facts.url = "nats://127.0.0.1:4222".to_owned();
                facts.sync = Sync::Every(120 * SECOND);
            }),
            ("sync", Level::Note, "sync_interval"),
        ),
        (
            "an unknown disk",
            changed(|facts| facts.sync = Sync::Unknown("no page".to_owned())),
            ("sync", Level::Note, "sync_unknown"),
        ),
    ]);
    let denied = changed(|facts| {
        facts
            .denied
            .insert("this user may not publish on $JS.API.X: grant it".to_owned());
    });
    let groups = judged(&denied);
    assert_eq!(groups[12].findings[0].about, "$JS.API.X");
}

#[test]
fn without_jetstream_that_is_said_once() {
    for (account, code) in [
        (NoAccount::Absent("none".to_owned()), "no_jetstream"),
        (NoAccount::Silent("late".to_owned()), "jetstream_silent"),
    ] {
        let facts = changed(|facts| {
            facts.account = Err(account);
            facts.streams = Err("a long story".to_owned());
        });
        let groups = judged(&facts);
        let problems = groups.iter().filter(|group| group.level == Level::Problem);
        let codes: Vec<&str> = problems.map(|group| group.findings[0].code).collect();
        assert_eq!(codes, [code]);
        assert!(
            groups[3].findings[0].what.starts_with("not looked at: "),
            "{groups:?}"
        );
        assert!(!groups[3].findings[0].what.contains("story"), "{groups:?}");
    }
}

#[test]
fn an_old_server_lacks_more_the_older_it_is() {
    for (version, lacks) in [("2.12.0", 0), ("2.11.7", 1), ("2.11.2", 2), ("2.10.26", 3)] {
        let facts = changed(|facts| facts.server.version = version.to_owned());
        let old = found(&facts)
            .into_iter()
            .filter(|found| found.2 == "server_too_old");
        assert_eq!(old.count(), lacks, "{version}");
    }
}

/// With another instance, which was heard so long ago.
fn other(seconds: u32, status: &str) -> Facts {
    changed(|facts| records(facts).push(record("two", seconds * SECOND, status)))
}

#[test]
fn instances_that_are_gone_stop_or_are_there_twice() {
    let group = "instances";
    leads_to(vec![
        (
            "gone",
            other(8, "ACTIVE"),
            (group, Level::Warning, "stale_registration"),
        ),
        (
            "stopped",
            other(800, "SHUTDOWN"),
            (group, Level::Warning, "stale_registration"),
        ),
        (
            "stops",
            other(1, "SHUTDOWN"),
            (group, Level::Note, "stopping"),
        ),
        (
            "no record",
            changed(|facts| {
                facts
                    .registry
                    .as_mut()
                    .unwrap()
                    .unreadable
                    .push("k".to_owned());
            }),
            (group, Level::Warning, "unreadable_registration"),
        ),
        (
            "twice",
            changed(|facts| {
                facts.answers.as_mut().unwrap().push(answer("one"));
            }),
            (group, Level::Problem, "id_twice"),
        ),
    ]);
    assert_eq!(found(&answering(7)), [], "a little late");
}

/// With another instance that answers, and was heard so long ago; it may say nothing for a minute.
fn patient(seconds: u32, answers: bool) -> Facts {
    let mut facts = other(seconds, "ACTIVE");
    let one = records(&mut facts).last_mut().unwrap();
    let metadata = &mut one.instance.metadata;
    metadata.insert("ttl_ms".to_owned(), 60_000.into());
    if answers {
        facts.answers.as_mut().unwrap().push(answer("two"));
    }
    facts
}

fn answering(seconds: u32) -> Facts {
    let mut facts = other(seconds, "ACTIVE");
    facts.answers.as_mut().unwrap().push(answer("two"));
    facts
}

#[test]
fn records_and_answers_that_do_not_agree() {
    let group = "instances";
    let mut sick = other(1, "UNHEALTHY");
    sick.answers.as_mut().unwrap().push(answer("two"));
    let foreign = |keeps_record: bool| {
        changed(|facts| {
            let two = answer("two");
            let answers = facts.answers.as_mut().unwrap();
            answers.push(Answer {
                keeps_record,
                ..two
            });
        })
    };
    leads_to(vec![
        ("sick", sick, (group, Level::Warning, "unhealthy")),
        (
            "killed a moment ago",
            other(1, "ACTIVE"),
            (group, Level::Warning, "no_answer"),
        ),
        (
            "killed, with a record for a minute",
            patient(15, false),
            (group, Level::Warning, "no_answer"),
        ),
        (
            "it answers, and its heartbeats do not come",
            patient(15, true),
            (group, Level::Warning, "heartbeat_late"),
        ),
        (
            "it could not announce itself",
            foreign(true),
            (group, Level::Warning, "not_registered"),
        ),
    ]);
    assert_eq!(
        found(&foreign(false)),
        [],
        "of another library, or starting"
    );
    let mut unasked = other(1, "ACTIVE");
    unasked.answers = Err("nobody may ask".to_owned());
    assert_eq!(found(&unasked), [], "nobody knows whether it answers");
    let mut older = other(1, "ACTIVE");
    let one = records(&mut older).last_mut().unwrap();
    one.instance.metadata.remove("boot");
    assert_eq!(found(&older), [], "AegisSDK 1.0 has no answers");
    for facts in [patient(15, false), patient(15, true), other(1, "ACTIVE")] {
        assert!(crate::doctor::roster::stale(&facts).is_empty());
    }
    let groups = judged(&foreign(true));
    assert_eq!(groups[7].summary, "2 instances of 1 service");
}

#[test]
fn without_records_the_instances_tell() {
    let without = |account: Option<NoAccount>| {
        let facts = changed(|facts| {
            facts.registry = Err("no such thing".to_owned());
            facts.account = account.map_or_else(|| facts.account.clone(), Err);
        });
        judged(&facts).remove(7)
    };
    let summary = "1 instance of 1 service, by what they answer: there are no records";
    let group = without(Some(NoAccount::Absent("none".to_owned())));
    assert_eq!((group.level, &*group.summary), (Level::Ok, summary));
    let group = without(None);
    assert_eq!((group.level, &*group.summary), (Level::Note, summary));
    assert!(group.findings[0].what.ends_with("no such thing"));
}

#[test]
fn only_the_record_of_one_that_is_gone_for_sure_is_removed() {
    let group = "instances";
    let answers = |facts: &mut Facts| {
        records(facts).push(record("two", 60 * SECOND, "ACTIVE"));
        facts.answers.as_mut().unwrap().push(answer("two"));
    };
    let late = changed(answers);
    assert_eq!(found(&late), [(group, Level::Warning, "heartbeat_late")]);
    // Only who is gone for sure is removed.
    for (facts, stale) in [
        (other(8, "ACTIVE"), 1),
        (answering(8), 0),
        (other(7, "ACTIVE"), 0),
        (late, 0),
        (
            changed(|facts| {
                records(facts).push(record("two", 60 * SECOND, "ACTIVE"));
                facts.answers = Err("nobody may ask".to_owned());
            }),
            0,
        ),
    ] {
        assert_eq!(crate::doctor::roster::stale(&facts).len(), stale);
    }
}

#[test]
fn groups_that_nobody_leads() {
    let group = "leaders";
    let seats = |seats: Vec<Seat>| changed(move |facts| facts.seats = Ok(seats));
    let released = |age: Duration| {
        let mut seat = seat(SECOND, age);
        seat.holder.as_mut().unwrap().released = true;
        seat
    };
    let unreadable = Seat {
        holder: None,
        ..seat(SECOND, SECOND)
    };
    let mut unneeded = healthy();
    unneeded.seats.as_mut().unwrap().push(Seat {
        service: "ledger".to_owned(),
        ..seat(SECOND, 60 * SECOND)
    });
    leads_to(vec![
        (
            "expired",
            seats(vec![seat(SECOND, 2 * SECOND)]),
            (group, Level::Problem, "no_leader"),
        ),
        (
            "given up",
            seats(vec![released(9 * SECOND)]),
            (group, Level::Problem, "no_leader"),
        ),
        ("never", seats(vec![]), (group, Level::Problem, "no_leader")),
        (
            "nonsense",
            seats(vec![unreadable]),
            (group, Level::Problem, "unreadable_leader"),
        ),
        (
            "of nobody",
            unneeded,
            (group, Level::Note, "no_leader_needed"),
        ),
    ]);
    assert_eq!(found(&seats(vec![seat(SECOND, SECOND + SECOND / 4)])), []);
    assert_eq!(
        found(&seats(vec![released(SECOND)])),
        [],
        "somebody will take it"
    );
}

fn outside(asked: Way) -> Kubernetes {
    Kubernetes {
        in_a_pod: false,
        kubeconfig: Some("config".into()),
        asked: Some(asked),
    }
}

#[test]
fn a_pod_and_a_cluster_that_is_reached_are_well() {
    for kubernetes in [
        Kubernetes {
            in_a_pod: true,
            ..Kubernetes::default()
        },
        outside(Way::Leads("nats-0".to_owned())),
    ] {
        let facts = changed(|facts| facts.kubernetes = kubernetes);
        assert_eq!(found(&facts), []);
    }
}

#[test]
fn jobs_and_kubernetes() {
    leads_to(vec![
        (
            "nonsense among jobs",
            changed(|facts| facts.unreadable_jobs = Ok(vec!["7".to_owned()])),
            ("jobs", Level::Problem, "unreadable_job"),
        ),
        (
            "jobs that were not read",
            changed(|facts| facts.unreadable_jobs = Err("too many".to_owned())),
            ("jobs", Level::Note, "not_asked"),
        ),
        (
            "a kubeconfig that a build without the feature cannot use",
            changed(|facts| facts.kubernetes = outside(Way::Unknown("no feature".to_owned()))),
            ("kubernetes", Level::Note, "kubernetes_not_asked"),
        ),
        (
            "a cluster that cannot be reached",
            changed(|facts| facts.kubernetes = outside(Way::Blocked("no such pod".to_owned()))),
            ("kubernetes", Level::Note, "kubernetes_unreachable"),
        ),
    ]);
}
