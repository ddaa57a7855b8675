//! Asks for everything that is judged: side by side, and no question for longer than it may take.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aegis::{Client, Config, ErrorKind};
use futures_util::future::join_all;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::ask::Asker;
use super::facts::{Asked, Clock, Facts, Holder, Names, NoAccount, Seat, User};
use super::stream::{Account, Consumer, Stream};
use super::{instances, kubernetes, monitor};
use crate::cli::Doctor;

/// So many messages measure the way to the server, if it is not too long.
const PINGS: usize = 20;
/// What JetStream says while its cluster has no leader.
const NOT_NOW: u64 = 10008;
/// So often the clocks are compared: the quickest answer tells best.
const LOOKS: usize = 5;
/// So many dead letters are looked at.
pub(super) const LETTERS: usize = 1000;
/// So many ids of unreadable jobs are named.
const JOBS: usize = 20;

/// Everything, as far as it could be asked.
pub(super) async fn facts(client: &Client, config: &Config, wish: &Doctor) -> Facts {
    let asker = &Asker::new(client);
    let names = Names::of(client.layout());
    let server = client.server_facts().unwrap_or_default();
    let url = client.server();
    // Alone on the way, so that nothing else is measured.
    let round_trips = round_trips(asker, wish.wait).await;
    let (user, clock) = user_and_clock(asker).await;
    let monitor = monitor::told(wish.monitor.as_deref(), &url, &server.name, wish.wait);
    let (account, streams, own, consumers) = tokio::join!(
        account(asker),
        streams(asker),
        own_streams(asker),
        consumers(asker, &names),
    );
    // What is read below is judged by the clock from before it was asked for.
    let ahead = clock.map_or(time::Duration::ZERO, |clock: Clock| clock.ahead);
    let now = OffsetDateTime::now_utc() + ahead;
    let ((registry, answers), seats) =
        tokio::join!(instances::asked(asker, wish.wait), seats(asker));
    let (letters, unreadable_jobs, told) = tokio::join!(
        letters(asker, wish.wait),
        unreadable_jobs(asker, wish.wait),
        monitor,
    );
    Facts {
        url,
        server,
        names,
        round_trips,
        user,
        clock,
        now,
        account,
        streams,
        own,
        consumers,
        registry,
        answers,
        seats,
        letters,
        unreadable_jobs,
        sync: told.sync,
        cluster_size: told.cluster_size,
        asked_replicas: config.asked_replicas(),
        kubernetes: kubernetes::asked(config, |name| std::env::var_os(name)).await,
        denied: asker.denied(),
    }
}

async fn round_trips(asker: &Asker<'_>, within: Duration) -> Asked<Vec<Duration>> {
    let start = Instant::now();
    let mut all = Vec::new();
    while all.len() < PINGS && (all.is_empty() || start.elapsed() < within) {
        all.push(asker.noted(asker.client.round_trip().await)?);
    }
    Ok(all)
}

/// Who this is for the server, and what its clock shows.
async fn user_and_clock(asker: &Asker<'_>) -> (Option<User>, Option<Clock>) {
    let (mut user, mut best): (_, Option<Clock>) = (None, None);
    for _ in 0..LOOKS {
        let (before, start) = (OffsetDateTime::now_utc(), Instant::now());
        let answer = asker.ask("$SYS.REQ.USER.INFO", &Value::Null).await;
        let half = start.elapsed() / 2;
        let Ok(answer) = answer else { break };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        user = Some(User {
            name: text(&answer["data"]["user"]),
            account: text(&answer["data"]["account"]),
        });
        let Ok(shown) = OffsetDateTime::parse(&text(&answer["server"]["time"]), &Rfc3339) else {
            continue;
        };
        let clock = Clock {
            ahead: shown - (before + half),
            unsure: half,
        };
        if best.is_none_or(|best| clock.unsure < best.unsure) {
            best = Some(clock);
        }
    }
    (user, best)
}

async fn account(asker: &Asker<'_>) -> Result<Account, NoAccount> {
    let answer = asker.client.ask_server("$JS.API.INFO", "").await;
    let kind = answer.as_ref().err().map(aegis::Error::kind);
    let mut info = asker.noted(answer).map_err(|why| match kind {
        Some(ErrorKind::Denied) => NoAccount::Denied(why),
        Some(ErrorKind::Timeout | ErrorKind::Disconnected) => NoAccount::Silent(why),
        _ => NoAccount::Absent(why),
    })?;
    let refusal = info["error"].take();
    if !refusal.is_null() {
        let why = format!("JetStream says {}", refusal["description"]);
        return Err(match refusal["err_code"].as_u64() {
            Some(NOT_NOW) => NoAccount::Silent(why),
            _ => NoAccount::Absent(why),
        });
    }
    serde_json::from_value(info).map_err(|error| NoAccount::Silent(error.to_string()))
}

async fn streams(asker: &Asker<'_>) -> Asked<Vec<Stream>> {
    let (all, missing) = asker.all("$JS.API.STREAM.LIST", "streams").await?;
    let mut streams: Vec<Stream> = all.iter().map(Stream::read).collect();
    streams.retain(|stream| !stream.name.is_empty());
    // Whoever leads them did not answer.
    streams.extend(missing.into_iter().map(|name| Stream {
        name,
        replicas: 1,
        acknowledges: true,
        ..Stream::default()
    }));
    streams.sort_by(|a, b| a.name.cmp(&b.name));
    streams.dedup_by(|a, b| a.name == b.name);
    Ok(streams)
}

async fn own_streams(
    asker: &Asker<'_>,
) -> Vec<(
    aegis::port::StreamSpec,
    Asked<Option<aegis::port::StreamStatus>>,
)> {
    let questions = asker.client.stream_specs().map(|spec| async {
        let found = asker.client.stream_status(&spec.name).await;
        (spec, asker.noted(found))
    });
    join_all(questions).await
}

async fn consumers(asker: &Asker<'_>, names: &Names) -> BTreeMap<String, Asked<Vec<Consumer>>> {
    let questions = [&names.events, &names.commands].map(|stream| async move {
        let subject = format!("$JS.API.CONSUMER.LIST.{stream}");
        let all = asker.all(&subject, "consumers").await;
        let all = all.map(|(all, _)| all.iter().map(Consumer::read).collect());
        (stream.clone(), all)
    });
    join_all(questions).await.into_iter().collect()
}

async fn seats(asker: &Asker<'_>) -> Asked<Vec<Seat>> {
    let found = asker.client.bucket("sticky_active").find_bytes().await;
    let Some(bucket) = asker.noted(found)? else {
        return Ok(Vec::new());
    };
    let entries = asker.noted(bucket.entries("").await)?;
    let seat = |entry: &aegis::Entry<bytes::Bytes>| {
        let (service, group) = entry.key.strip_suffix(".leader")?.split_once('.')?;
        Some(Seat {
            service: service.to_owned(),
            group: group.to_owned(),
            holder: holder(&entry.value),
            written: entry.created,
        })
    };
    Ok(entries.iter().filter_map(seat).collect())
}

fn holder(value: &[u8]) -> Option<Holder> {
    let record: Value = serde_json::from_slice(value).ok()?;
    Some(Holder {
        instance: record["instance_id"].as_str()?.to_owned(),
        lease: Duration::from_millis(record["lease_ms"].as_u64()?),
        released: record["state"] == "released",
    })
}

async fn letters(asker: &Asker<'_>, within: Duration) -> Asked<(Vec<aegis::DeadLetter>, u64)> {
    let dead = asker.client.layout().stream("DEAD");
    let Some(status) = asker.noted(asker.client.stream_status(&dead).await)? else {
        return Ok((Vec::new(), 0));
    };
    let letters = asker.client.dead_letters();
    let letters = in_time(asker, within, letters.list(LETTERS)).await?;
    Ok((letters, status.messages))
}

async fn unreadable_jobs(asker: &Asker<'_>, within: Duration) -> Asked<Vec<String>> {
    in_time(asker, within, asker.client.jobs().unreadable(JOBS)).await
}

/// What reads a lot may take a few times as long as a question.
async fn in_time<T>(
    asker: &Asker<'_>,
    within: Duration,
    reading: impl Future<Output = aegis::Result<T>>,
) -> Asked<T> {
    let within = within * 5;
    let late = |_| format!("it could not be read within {within:?}: `--wait` gives it more time");
    let read = tokio::time::timeout(within, reading).await.map_err(late)?;
    asker.noted(read)
}
