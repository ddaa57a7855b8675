//! The connection, the server at its other end, its clock, and what this user may ask it.

use std::time::Duration;

use super::facts::{Clock, Facts, Sync};
use super::finding::{Finding, Group, Level};
use crate::out::plain;

/// A lease of this length is the default of services.
const USUAL_LEASE: Duration = Duration::from_millis(900);
/// A lease is at least so many times the way to the server and back.
const LEASE_IN_ROUND_TRIPS: u32 = 10;
/// Clocks that differ by less trouble nobody.
const SKEW: Duration = Duration::from_secs(1);
/// Clocks that differ by more make delays and times to live plainly wrong.
const LARGE_SKEW: Duration = Duration::from_secs(60);

/// Major, minor, patch.
type Version = (u32, u32, u32);

/// What a server can from some version on, and what is without it.
const FEATURES: [(Version, Level, &str, &str); 3] = [
    (
        (2, 11, 2),
        Level::Warning,
        "a time to live per key",
        "records of instances, jobs and inboxes have one time to live for the whole bucket: those of \
         killed instances stay up to 30 s, and what came of jobs is kept for a week",
    ),
    (
        (2, 11, 7),
        Level::Warning,
        "a fence that is checked in one step with the write",
        "a write under `.fenced(leader)` is checked before it is sent: for one round trip a leader of \
         the past may still write over a newer one",
    ),
    (
        (2, 12, 0),
        Level::Note,
        "an expected sequence on a subject whose newest message was deleted",
        "`.expect_last_sequence(..)` on such a subject is a conflict; nothing else is missed",
    ),
];

/// A time as people read it.
pub(super) fn shown(time: Duration) -> String {
    match time.as_micros() {
        0..1_000_000 => format!("{:.1} ms", time.as_secs_f64() * 1000.0),
        1_000_000..60_000_000 => format!("{:.1} s", time.as_secs_f64()),
        _ => humantime::format_duration(Duration::from_secs(time.as_secs())).to_string(),
    }
}

/// The way to the server.
pub(super) fn connection(facts: &Facts) -> Group {
    const GROUP: &str = "connection";
    let who = facts
        .user
        .as_ref()
        .map_or_else(String::new, |user| match &*user.name {
            "" => format!(", account {}", plain(&user.account)),
            name => format!(", {} of the account {}", plain(name), plain(&user.account)),
        });
    let mut trips = match &facts.round_trips {
        Ok(trips) => trips.clone(),
        Err(why) => {
            let what = format!("messages do not come back: {why}");
            let problem = Finding::problem("no_round_trip", "", what)
                .because("calls, renewals of leases and heartbeats take the same way")
                .mended_by("look at the network between here and the server, and at its log");
            return Group::new(GROUP, format!("{}{who}", facts.url), vec![problem]);
        }
    };
    trips.sort();
    let (median, worst) = match (trips.get(trips.len() / 2), trips.last()) {
        (Some(median), Some(worst)) => (*median, *worst),
        _ => (Duration::ZERO, Duration::ZERO),
    };
    let summary = format!(
        "{}{who}; round trip {}, {} at worst of {}",
        facts.url,
        shown(median),
        shown(worst),
        trips.len()
    );
    Group::new(GROUP, summary, leases(facts, median, worst))
}

/// Leases that are short for this way. One slow message is no sign: half of them tell.
fn leases(facts: &Facts, median: Duration, worst: Duration) -> Vec<Finding> {
    let held = facts.seats.as_ref().ok().into_iter().flatten();
    let known = held.filter_map(|seat| {
        let holder = seat.holder.as_ref()?;
        Some((format!("{}/{}", seat.service, seat.group), holder.lease))
    });
    let mut leases: Vec<(String, Duration)> = known.collect();
    if leases.is_empty() {
        leases.push((String::new(), USUAL_LEASE));
    }
    let mut findings = Vec::new();
    for (about, lease) in leases {
        let whose = match &*about {
            "" => "the usual lease".to_owned(),
            about => format!("the lease of {about}"),
        };
        let what = |which: &str, trip: Duration| {
            format!(
                "{whose}, {}, is less than ten times the {which} round trip of {}",
                shown(lease),
                shown(trip)
            )
        };
        let finding = if median * LEASE_IN_ROUND_TRIPS > lease {
            Finding::warning("lease_below_round_trips", &about, what("median", median))
        } else if worst * LEASE_IN_ROUND_TRIPS > lease {
            Finding::note("round_trip_spikes", &about, what("worst", worst))
        } else {
            continue;
        };
        let why = "renewals that are late cost a leader its lease without a fault";
        let mend =
            "`leader.failover = \"conservative\"` (or `\"ride-through\"`), or a server nearby";
        findings.push(finding.because(why).mended_by(mend));
    }
    findings
}

/// Its version, and what it cannot.
pub(super) fn version(facts: &Facts) -> Group {
    let server = &facts.server;
    let place = match &server.cluster {
        Some(cluster) => format!("{} of the cluster {cluster}", server.name),
        None => "alone".to_owned(),
    };
    let summary = format!("nats-server {}, {place}", server.version);
    let Some(version) = numbers(&server.version) else {
        let what = format!("the version {:?} is not known", server.version);
        let finding = Finding::note("version_unknown", "", what);
        return Group::new("server", summary, vec![finding]);
    };
    let missing = FEATURES.iter().filter(|(since, ..)| version < *since);
    let findings = missing.map(|((major, minor, patch), level, feature, without)| {
        let since = format!("{major}.{minor}.{patch}");
        let what = format!(
            "{feature} needs nats-server {since}, and this is {}",
            server.version
        );
        Finding::new(*level, "server_too_old", &since, what)
            .because(*without)
            .mended_by(format!(
                "upgrade every server of the cluster to {since} or newer"
            ))
    });
    Group::new("server", summary, findings.collect())
}

fn numbers(version: &str) -> Option<Version> {
    let release = version.trim_start_matches('v').split(['-', '+']).next()?;
    let mut parts = release.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

/// Whether a server is of this version or a later one.
pub(super) fn is_at_least(version: &str, since: &str) -> bool {
    numbers(version).is_some_and(|version| Some(version) >= numbers(since))
}

/// Its clock against that of this computer.
pub(super) fn clock(facts: &Facts) -> Group {
    const GROUP: &str = "clock";
    let Some(Clock { ahead, unsure }) = facts.clock else {
        return Group::unasked(GROUP, "the server does not tell its time");
    };
    let skew = ahead.unsigned_abs().saturating_sub(unsure);
    let way = if ahead.is_negative() {
        "behind"
    } else {
        "ahead of"
    };
    let summary = format!(
        "the server's clock is {} {way} this one, give or take {}",
        shown(ahead.unsigned_abs()),
        shown(unsure)
    );
    if skew < SKEW {
        return Group::new(GROUP, summary, Vec::new());
    }
    let finding = if skew < LARGE_SKEW {
        Finding::warning("clock_skew", "", &*summary)
    } else {
        Finding::problem("clock_skew", "", &*summary)
    };
    let why = "a command with a delay begins by the clock of its worker, `aegis events --since` goes by \
               the server's, and ages that people are shown are wrong; leases and failovers do not \
               depend on it";
    let mend = "run a time service (chrony, systemd-timesyncd) on every host; `chronyc tracking` or \
                `timedatectl` tells which one is wrong";
    let finding = finding.because(why).mended_by(mend);
    Group::new(GROUP, summary, vec![finding])
}

/// What this user may not ask.
pub(super) fn permissions(facts: &Facts) -> Group {
    let findings: Vec<Finding> = facts.denied.iter().map(denied).collect();
    let summary = match findings.len() {
        0 => "everything that was asked may be asked".to_owned(),
        more => format!("{more} of the questions may not be asked"),
    };
    Group::new("permissions", summary, findings)
}

fn denied(text: &String) -> Finding {
    let subject = text.split(" on ").nth(1);
    let subject = subject.and_then(|rest| rest.split(':').next());
    Finding::warning("denied", subject.unwrap_or_default(), text)
        .because("what is asked there is not looked at, and may be wrong")
        .mended_by(
            "`aegis permissions --doctor` prints all that is asked here: grant it to the user of this \
             tool, or log in as one who may",
        )
}

/// When it writes to its disk.
pub(super) fn sync(facts: &Facts) -> Group {
    const GROUP: &str = "sync";
    if let Some(why) = facts.nothing_stored() {
        return Group::unasked(GROUP, why);
    }
    let (summary, finding) = match &facts.sync {
        Sync::Always => {
            let summary = "written to the disk before it is acknowledged (`sync_interval: always`)";
            return Group::new(GROUP, summary, Vec::new());
        }
        Sync::Every(interval) => lazy(facts, *interval),
        Sync::Unknown(why) => {
            let what = format!("not known when the server writes to its disk: {why}");
            let finding = Finding::note("sync_unknown", "", what);
            let mend = "start the server with `-m 8222` and ask with `--monitor http://HOST:8222`, or \
                        look for `sync_interval` in its configuration; without it, it is two minutes";
            return Group::new(GROUP, "not known", vec![finding.mended_by(mend)]);
        }
    };
    let why = "a server that is killed loses nothing, a machine without power does: docs/guarantees.md has \
               more of it";
    let mend = "`jetstream { sync_interval: always }` in the server's configuration, at a price per \
                write, or three servers on three machines with `nats.replicas = 3`";
    Group::new(GROUP, summary, vec![finding.because(why).mended_by(mend)])
}

/// The server writes to its disk now and then.
fn lazy(facts: &Facts, interval: Duration) -> (String, Finding) {
    let spread = is_spread(facts);
    let loss = if spread {
        "several machines that lose power at once, or one that does while another is cut off, may lose \
         what came since"
    } else {
        "a machine that loses power loses what came since"
    };
    let what = format!(
        "the server acknowledges before it writes to its disk, which it does every {}: {loss}",
        shown(interval)
    );
    let finding = if facts.is_local() || spread {
        Finding::note("sync_interval", "", &*what)
    } else {
        Finding::warning("sync_interval", "", &*what)
    };
    (what, finding)
}

/// Everything is on three servers at least.
fn is_spread(facts: &Facts) -> bool {
    let streams = facts.streams.as_ref().ok();
    let spread = streams.map(|all| all.iter().all(|stream| stream.replicas >= 3));
    facts.server.cluster.is_some() && spread == Some(true)
}
