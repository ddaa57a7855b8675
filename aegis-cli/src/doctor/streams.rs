//! Streams and buckets: missing ones, ones that are otherwise than the framework makes them, and
//! ones that are nearly full.

use std::time::Duration;

use aegis::Storage;
use aegis::port::{Discard, Retention, StreamSpec, StreamStatus};

use super::facts::Facts;
use super::finding::{Finding, Group, Level, count};
use super::need::Needs;
use super::store::{bytes, hundredths};
use super::stream::Stream;

const GROUP: &str = "streams";
/// From so many hundredths on it is said.
const NEARLY: u64 = 80;
/// From so many on it is about to stop.
const FULL: u64 = 95;
/// Servers from this version on give a key a time to live of its own.
const KEY_TTL: &str = "2.11.2";

pub(super) fn judge(facts: &Facts, needs: &Needs) -> Group {
    let all = match &facts.streams {
        Ok(all) => all,
        Err(why) => return Group::unasked(GROUP, why),
    };
    let mut findings = missing(facts, needs);
    for (spec, found) in &facts.own {
        match found {
            Ok(Some(found)) => findings.extend(drift(&possible(spec, facts), found)),
            Ok(None) => {}
            Err(why) => findings.push(unlike(&spec.name, why)),
        }
    }
    for stream in all {
        findings.extend(health(stream));
        findings.extend(fill(stream, facts));
        findings.extend(shape(stream, facts));
    }
    let held: u64 = all.iter().map(|stream| stream.bytes).sum();
    let buckets = all.iter().filter(|stream| is_bucket(&stream.name)).count();
    let summary = format!(
        "{} and {}, which hold {}",
        count(all.len() - buckets, "stream", "streams"),
        count(buckets, "bucket", "buckets"),
        bytes(held)
    );
    Group::new(GROUP, summary, findings)
}

fn is_bucket(stream: &str) -> bool {
    stream.starts_with("KV_")
}

/// `the bucket users`, `the stream EVENTS`
pub(super) fn called(stream: &str) -> String {
    match stream.strip_prefix("KV_") {
        Some(bucket) => format!("the bucket {bucket}"),
        None => format!("the stream {stream}"),
    }
}

fn missing(facts: &Facts, needs: &Needs) -> Vec<Finding> {
    let gone = needs
        .streams
        .iter()
        .filter(|(name, _)| facts.stream(name).is_none());
    let finding = |(name, whose): (&String, &String)| {
        let what = format!("{} is missing, which {whose} needs", called(name));
        if *name == facts.names.dead {
            return Finding::warning("stream_missing", name, what)
                .because("the dead letters that it held are gone; handlers go on without it")
                .mended_by(
                    "nothing: the next dead letter makes it anew, as does a start of a service",
                );
        }
        if *name == facts.names.jobs {
            return Finding::warning("stream_missing", name, what)
                .because("what came of the jobs whose records it held is forgotten")
                .mended_by(
                    "nothing: the next command makes it anew, as does a start of a service",
                );
        }
        Finding::problem("stream_missing", name, what)
            .because("nothing can be published, sent or led there; what it held is gone")
            .mended_by(format!(
                "restart an instance of {}, which makes it; `nats stream report` shows whether a \
                 server with its data is away",
                whose.split('.').next().unwrap_or(whose)
            ))
    };
    gone.map(finding).collect()
}

/// A stream that cannot even be read as one of the framework's.
fn unlike(name: &str, why: &str) -> Finding {
    Finding::problem("stream_drift", name, why)
        .because("services with handlers for it do not start")
        .mended_by(format!(
            "`nats stream info {name}` shows it, and `nats stream edit {name}` changes what can be \
             changed; else give this environment a `subject_prefix`, or save what it holds (`nats \
             stream backup {name} DIR`) and remove it (`nats stream rm {name}`)"
        ))
}

/// Without the number of servers if there are not as many: that is told with the replicas, and no
/// restart changes it.
fn possible(spec: &StreamSpec, facts: &Facts) -> StreamSpec {
    let mut spec = spec.clone();
    spec.replicas = spec
        .replicas
        .filter(|asked| !super::replicas::is_too_many(facts, *asked));
    spec
}

fn drift(spec: &StreamSpec, found: &StreamStatus) -> Option<Finding> {
    let (name, drift) = (&spec.name, spec.drift(found));
    if !drift.fixed.is_empty() {
        let what = format!(
            "{} is otherwise than it is asked for, and cannot be changed: {}",
            called(name),
            drift.fixed.join(", ")
        );
        let why = match spec.retention {
            Retention::WorkQueue => "commands are not handed out once each",
            Retention::Limits => "it forgets events that a handler still needs",
        };
        let mend = format!(
            "ask for what is there, or remove it with everything in it (`nats stream rm {name}`): the \
             next start makes it anew"
        );
        let finding = Finding::problem("stream_drift", name, what);
        return Some(finding.because(why).mended_by(mend));
    }
    if drift.changeable.is_empty() {
        return None;
    }
    let what = format!(
        "{} is otherwise than this configuration asks for: {}",
        called(name),
        drift.changeable.join(", ")
    );
    let finding = Finding::warning("stream_drift", name, what)
        .because("somebody changed it, or services run with another configuration")
        .mended_by(
            "restart a service that uses it: it changes the stream to what its configuration asks \
             for; else ask for what is there",
        );
    Some(finding)
}

/// Whether it is there, and safe.
fn health(stream: &Stream) -> Vec<Finding> {
    let (name, called) = (&stream.name, called(&stream.name));
    let mut findings = Vec::new();
    if !stream.led {
        let what = format!("{called} has no leader: no server answers for it");
        findings.push(
            Finding::problem("stream_without_leader", name, what)
                .because("nothing is stored or read there until most of its servers are back")
                .mended_by(format!(
                    "start the servers that are down (`nats server report jetstream`); `nats stream \
                     info {name}` shows which ones it needs"
                )),
        );
    }
    if !stream.behind.is_empty() {
        let what = format!("{called} is not up to date on {}", stream.behind.join(", "));
        findings.push(
            Finding::warning("replica_behind", name, what)
                .because("until it is, the loss of another server may stop the stream")
                .mended_by("start that server, or wait until it has caught up"),
        );
    }
    if !stream.acknowledges {
        let what = format!("{called} acknowledges nothing (`no_ack`)");
        findings.push(
            Finding::problem("stream_drift", name, what)
                .because("nobody learns whether what was published is stored: publishing fails")
                .mended_by(format!("`nats stream edit {name} --ack`")),
        );
    }
    findings
}

/// How full it is.
fn fill(stream: &Stream, facts: &Facts) -> Option<Finding> {
    let (name, called) = (&stream.name, called(&stream.name));
    let Some(limit) = stream.max_bytes else {
        let what = format!("{called} has no limit (`max_bytes`)");
        let finding = Finding::warning("stream_without_limit", name, what)
            .because("it can fill the store, and then every stream stops, leases of leaders too")
            .mended_by(format!("`nats stream edit {name} --max-bytes 1GiB`"));
        return Some(finding);
    };
    let part = hundredths(stream.bytes, limit);
    if part < NEARLY {
        return None;
    }
    let what = format!(
        "{called} is {part} % full: {} of {}",
        bytes(stream.bytes),
        bytes(limit)
    );
    let refuses = stream.discard == Discard::New;
    let finding = if refuses && part >= FULL {
        Finding::problem("stream_full", name, what).because(refused(name, facts))
    } else if refuses {
        Finding::warning("stream_full", name, what).because(refused(name, facts))
    } else if is_behind(stream, facts) {
        let why = "a full stream forgets its oldest, and a handler has not done with those yet";
        Finding::problem("stream_full", name, what).because(why)
    } else {
        let why = "a full stream forgets its oldest; every handler has done with those";
        Finding::note("stream_full", name, what).because(why)
    };
    Some(finding.mended_by(way_out(name, facts)))
}

fn refused(name: &str, facts: &Facts) -> String {
    let names = &facts.names;
    let what = if *name == names.commands {
        "a full one refuses: sending commands is `Overloaded`"
    } else if *name == names.dead {
        "a full one refuses: what is given up stays where it is, and is tried again and again"
    } else if *name == names.events {
        "a full one refuses: publishing is `Overloaded`"
    } else if *name == names.jobs {
        "a full one refuses: sending commands is `Overloaded`, and no state of a job can be written"
    } else {
        "a full one refuses every write with `Overloaded`"
    };
    what.to_owned()
}

fn way_out(name: &str, facts: &Facts) -> String {
    let names = &facts.names;
    let setting = if *name == names.events {
        "`events.max_bytes`"
    } else if *name == names.commands {
        "more workers, or `commands.max_bytes`"
    } else if *name == names.dead {
        "bring dead letters back or remove them (`aegis dead`), or `dead.max_bytes`"
    } else {
        return format!("`nats stream edit {name} --max-bytes ..` gives it more room");
    };
    format!("{setting}; `nats stream edit {name} --max-bytes ..` gives it more room at once")
}

/// Whether a handler has not done with the oldest tenth of what it holds.
fn is_behind(stream: &Stream, facts: &Facts) -> bool {
    let consumers = facts.consumers.get(&stream.name);
    let consumers = consumers.and_then(|all| all.as_ref().ok());
    let oldest = stream.first + stream.messages / 10;
    let mut all = consumers.into_iter().flatten();
    all.any(|one| one.passing.is_none() && one.backlog() > 0 && one.ack_floor < oldest)
}

/// Settings of the framework's streams and buckets that nothing it makes has.
fn shape(stream: &Stream, facts: &Facts) -> Vec<Finding> {
    let (name, names) = (&stream.name, &facts.names);
    let called = called(name);
    let mut findings = Vec::new();
    let mut add = |level: Level, what: &str, why: &str, mend: &str| {
        let finding = Finding::new(level, "stream_drift", name, format!("{called} {what}"));
        findings.push(finding.because(why).mended_by(mend));
    };
    if stream.max_per_subject.is_some()
        && [&names.events, &names.commands, &names.dead].contains(&name)
    {
        let edit = format!("`nats stream edit {name} --max-msgs-per-subject=-1`");
        let what = "keeps only some messages of each subject (`max_msgs_per_subject`)";
        add(
            Level::Problem,
            what,
            "what is older is lost, handled or not",
            &edit,
        );
    }
    if stream.storage == Storage::Memory && [&names.leaders, &names.jobs].contains(&name) {
        let mend = format!("stop the services that use it, `nats stream rm {name}`, start them");
        add(
            Level::Warning,
            "is kept in memory",
            "it is lost when the server restarts",
            &mend,
        );
    }
    if *name == names.leaders && stream.max_age.is_some() {
        let mend = format!("`nats stream edit {name} --max-age 0s`");
        let why = "a record that expires looks like nobody ever led, and fences go with it";
        add(
            Level::Problem,
            "forgets records by itself (`max_age`)",
            why,
            &mend,
        );
    }
    let whole = [&names.registry, &names.jobs].contains(&name) && !stream.key_ttl;
    if whole && !has_key_ttl(&facts.server.version) {
        return findings;
    }
    if whole {
        let age = stream.max_age.unwrap_or(Duration::MAX);
        let why = format!(
            "an older server made it: records have no time to live of their own, but that of the \
             bucket, {}",
            if age == Duration::MAX {
                "for ever".to_owned()
            } else {
                super::server::shown(age)
            }
        );
        let mend =
            format!("when nothing runs: `nats stream rm {name}`; the next start makes it anew");
        add(Level::Note, "was made before NATS 2.11.2", &why, &mend);
    }
    findings
}

fn has_key_ttl(version: &str) -> bool {
    super::server::is_at_least(version, KEY_TTL)
}
