//! The judgements, as tables: facts, and what is found in them. `server` has the server, instances and
//! leaders, `streams` the streams and the places in them.

mod server;
mod streams;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aegis::{Instance, ServerFacts};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::facts::{
    Answer, Clock, Facts, Holder, Kubernetes, Names, Record, Registry, Seat, Sync, User,
};
use super::finding::Level;
use super::judged;
use super::stream::{Account, Consumer, Stream};

const SECOND: Duration = Duration::from_secs(1);

fn now() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000)
}

fn stream(name: &str, max_bytes: u64) -> Stream {
    Stream {
        name: name.to_owned(),
        replicas: 1,
        led: true,
        max_bytes: Some(max_bytes),
        acknowledges: true,
        key_ttl: true,
        ..Stream::default()
    }
}

fn consumer(name: &str, filter: &str, most: i64) -> Consumer {
    Consumer {
        name: name.to_owned(),
        filters: vec![filter.to_owned()],
        acks: "explicit".to_owned(),
        max_deliver: -1,
        max_ack_pending: most,
        waiting: 1,
        ..Consumer::default()
    }
}

fn record(id: &str, age: Duration, status: &str) -> Record {
    let instance: Instance = serde_json::from_value(json!({
        "serviceName": "billing", "instanceId": id, "status": status, "stickyActiveGroup": "main",
        "metadata": {"heartbeat_ms": 2000, "ttl_ms": 6000, "boot": "1", "handlers": [
            {"name": "bill", "kind": "subscribe", "mode": "compete", "subject": "events.orders.created"},
            {"name": "import", "kind": "command", "subject": "commands.billing.import.*"},
            {"name": "post", "kind": "exclusive_rpc", "subject": "rpc.billing.post"},
        ]},
    }))
    .unwrap();
    Record {
        key: format!("service-instances.billing.{id}"),
        revision: 7,
        written: now() - age,
        instance,
    }
}

fn answer(id: &str) -> Answer {
    Answer {
        service: "billing".to_owned(),
        id: id.to_owned(),
        keeps_record: true,
    }
}

fn seat(lease: Duration, age: Duration) -> Seat {
    Seat {
        service: "billing".to_owned(),
        group: "main".to_owned(),
        holder: Some(Holder {
            instance: "one".to_owned(),
            lease,
            released: false,
        }),
        written: now() - age,
    }
}

/// A system in which nothing is wrong.
fn healthy() -> Facts {
    let layout = aegis::Layout::default();
    let lanes = ["critical", "high", "normal", "low"].map(|lane| {
        let filter = format!("commands.billing.import.{lane}");
        consumer(&format!("billing__import__{lane}"), &filter, 100_000)
    });
    let bill = consumer("billing__bill", "events.orders.created", 10_000);
    let registry = Registry {
        records: vec![record("one", SECOND, "ACTIVE")],
        unreadable: Vec::new(),
    };
    let names = ["EVENTS", "DEAD", "COMMANDS"].map(str::to_owned);
    let buckets =
        ["service_registry", "sticky_active", "aegis_jobs"].map(|name| format!("KV_{name}"));
    let streams = names.iter().chain(&buckets).map(|name| stream(name, 1000));
    let server: ServerFacts = ServerFacts::default();
    let mut facts = Facts {
        url: "nats://nats.example:4222".to_owned(),
        server,
        names: Names::of(&layout),
        round_trips: Ok(vec![Duration::from_millis(1); 20]),
        user: Some(User {
            name: String::new(),
            account: "$G".to_owned(),
        }),
        clock: Some(Clock {
            ahead: time::Duration::ZERO,
            unsure: Duration::from_millis(1),
        }),
        now: now(),
        account: Ok(Account::default()),
        streams: Ok(streams.collect()),
        own: Vec::new(),
        consumers: BTreeMap::from([
            ("EVENTS".to_owned(), Ok(vec![bill])),
            ("COMMANDS".to_owned(), Ok(lanes.to_vec())),
        ]),
        registry: Ok(registry),
        answers: Ok(vec![answer("one")]),
        seats: Ok(vec![seat(SECOND, SECOND / 2)]),
        letters: Ok((Vec::new(), 0)),
        unreadable_jobs: Ok(Vec::new()),
        sync: Sync::Always,
        cluster_size: None,
        asked_replicas: Vec::new(),
        kubernetes: Kubernetes::default(),
        denied: BTreeSet::new(),
    };
    facts.server.version = "2.12.8".to_owned();
    facts
}

fn changed(change: impl FnOnce(&mut Facts)) -> Facts {
    let mut facts = healthy();
    change(&mut facts);
    facts
}

/// Everything that is found, as group, level and code.
fn found(facts: &Facts) -> Vec<(&'static str, Level, &'static str)> {
    let groups = judged(facts);
    let all = groups.iter().flat_map(|group| {
        let of = |finding: &super::finding::Finding| (group.name, finding.level, finding.code);
        group.findings.iter().map(of)
    });
    all.collect()
}

/// Each change leads to exactly one finding.
fn leads_to(rows: Vec<(&str, Facts, (&str, Level, &str))>) {
    for (name, facts, expected) in rows {
        assert_eq!(found(&facts), [expected], "{name}");
        for finding in judged(&facts).iter().flat_map(|group| &group.findings) {
            assert!(!finding.what.is_empty(), "{name}");
            let bad = finding.level > Level::Note;
            assert!(!bad || !finding.why.is_empty(), "{name}: why");
            assert!(!bad || !finding.mend.is_empty(), "{name}: what mends it");
        }
    }
}

fn streams(facts: &mut Facts) -> &mut Vec<Stream> {
    facts.streams.as_mut().unwrap()
}

fn one_stream<'a>(facts: &'a mut Facts, name: &str) -> &'a mut Stream {
    let mut all = streams(facts).iter_mut();
    all.find(|stream| stream.name == name).unwrap()
}

fn places<'a>(facts: &'a mut Facts, stream: &str) -> &'a mut Vec<Consumer> {
    facts.consumers.get_mut(stream).unwrap().as_mut().unwrap()
}

fn records(facts: &mut Facts) -> &mut Vec<Record> {
    &mut facts.registry.as_mut().unwrap().records
}

#[test]
fn a_healthy_system_has_no_findings() {
    assert_eq!(found(&healthy()), []);
    let all = judged(&healthy());
    assert!(
        all.iter()
            .all(|group| group.level == Level::Ok && !group.summary.is_empty())
    );
}

#[test]
fn a_report_has_a_line_for_each_group_that_is_well() {
    let facts = changed(|facts| facts.sync = Sync::Every(120 * SECOND));
    let groups = judged(&facts);
    let report = super::show::Report::of("nats://x", &groups, &[]);
    let lines = report.lines();
    assert_eq!(lines.len(), groups.len() + 2 + 1, "{lines:#?}");
    assert_eq!(lines.last().unwrap(), "0 problems, 1 warning");
    let json: Value = serde_json::to_value(&report).unwrap();
    assert_eq!(
        (&json["level"], &json["warnings"]),
        (&json!("warning"), &json!(1))
    );
    let fields = ["level", "code", "about", "what", "why", "mend"];
    let finding = json["groups"][10]["findings"][0].as_object().unwrap();
    assert_eq!(finding.len(), fields.len());
    assert!(fields.iter().all(|field| finding[*field].is_string()));
}
