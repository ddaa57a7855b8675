//! What is known of every service, whether others are told or not.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::config::Config;
use super::facts::Facts;
use super::pulse::Pulse;
use super::running::Started;
use super::vitals::{Record, now};
use crate::client::Client;
use crate::cluster::Vitals;
use crate::model::Lifecycle;
use crate::observe;

/// The shortest pause between two records, however often something changes.
const PAUSE: Duration = Duration::from_millis(50);

/// A record for every service; `#[health]` has been asked for the first one.
pub(super) async fn records(
    config: &Config,
    client: &Client,
    started: &[Started],
    (state, facts): (&watch::Sender<Lifecycle>, &Facts),
) -> Vec<Arc<Record>> {
    let boot = format!("{:016x}", observe::random());
    let mut records = Vec::new();
    for part in started {
        let Some(server) = &part.server else { continue };
        let home = &part.home;
        let record = Arc::new(Record {
            home: home.clone(),
            about: part.about.clone(),
            handlers: part.handlers.clone(),
            times: (config.heartbeat, config.record_ttl()),
            boot: boot.clone(),
            started: now(),
            load: server.load_meter(),
            pulse: Pulse::start(part.hooks.clone(), home.clone(), config.heartbeat).await,
            state: state.subscribe(),
            connection: client.bus().state(),
            refused: client.bus().refused(),
            told_refused: Mutex::default(),
            connected: AtomicBool::new(true),
            led: part.led,
            standing: part.standing.subscribe(),
            epoch: AtomicU64::new(0),
            last: Mutex::default(),
            worst: Mutex::new((Duration::ZERO, Instant::now())),
            lag: metrics::gauge!(observe::EXECUTOR_LAG, "service" => home.service.to_string()),
        });
        facts.known(&record);
        records.push(record);
    }
    records
}

/// Makes the records anew with every heartbeat and with every change, for a program that announces
/// itself to nobody: it still says by itself how it is.
pub(super) fn kept(records: Vec<Arc<Record>>) -> Vec<AbortOnDropHandle<()>> {
    let tasks = records.into_iter().map(|record| {
        record.record();
        AbortOnDropHandle::new(tokio::spawn(keep(record)))
    });
    tasks.collect()
}

async fn keep(record: Arc<Record>) {
    let (heartbeat, _) = record.times;
    loop {
        let changed = async {
            tokio::time::sleep(PAUSE).await;
            record.changed().await;
        };
        // Whichever came first is told.
        let _ = tokio::time::timeout(heartbeat, changed).await;
        record.record();
    }
}
