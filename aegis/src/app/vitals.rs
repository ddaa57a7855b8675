//! The record of one instance, from everything that is known of it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, FutureExt};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

use super::leading::Led;
use super::pulse::Pulse;
use crate::cluster::Vitals;
use crate::lease::Standing;
use crate::model::{Instance, Lifecycle, Signs, judge};
use crate::port::ConnectionState;
use crate::serve::{About, Home, LoadMeter};

/// What the record of one instance is made of.
pub(super) struct Record {
    pub(super) home: Arc<Home>,
    pub(super) about: About,
    pub(super) handlers: Value,
    /// The heartbeat, and how long the record lives without.
    pub(super) times: (Duration, Duration),
    /// Tells this process from others with the same id.
    pub(super) boot: String,
    pub(super) started: String,
    pub(super) load: LoadMeter,
    pub(super) pulse: Pulse,
    pub(super) state: watch::Receiver<Lifecycle>,
    /// Of the connection that calls come through.
    pub(super) connection: watch::Receiver<ConnectionState>,
    /// Where it may not listen.
    pub(super) refused: watch::Receiver<Vec<String>>,
    /// The first of these, in the words of the last record.
    pub(super) told_refused: Mutex<Option<String>>,
    /// What the last record said of that connection.
    pub(super) connected: AtomicBool,
    /// Some of its work is exclusive.
    pub(super) led: Option<Led>,
    /// Who leads, as far as is known.
    pub(super) standing: watch::Receiver<Standing>,
    /// As which epoch it leads, in the words of the last record; 0 if it does not.
    pub(super) epoch: AtomicU64,
    pub(super) lag: metrics::Gauge,
    /// The longest wait for a thread, and when it was told.
    pub(super) worst: Mutex<(Duration, Instant)>,
    /// The last one that was made.
    pub(super) last: Mutex<Option<Instance>>,
}

/// For so long the longest wait for a thread is told: longer than metrics are read apart.
const WORST: Duration = Duration::from_secs(60);

/// The present, as it stands in records.
pub(super) fn now() -> String {
    // The present is always a date that can be written.
    OffsetDateTime::now_utc()
        .format(&Rfc3339)
        .unwrap_or_default()
}

fn epoch(standing: &Standing) -> u64 {
    standing.lease.as_ref().map_or(0, |lease| lease.epoch())
}

impl Vitals for Record {
    fn record(&self) -> Instance {
        let mut measured = self.load.measure();
        let lag = self.pulse.lag();
        let epoch = self.epoch_now();
        self.epoch.store(epoch, Ordering::Relaxed);
        measured.load.lag_ms = lag.as_secs_f64() * 1000.0;
        self.lag.set(self.worst(lag).as_secs_f64());
        let (status, reason) = judge(&Signs {
            draining: *self.state.borrow() == Lifecycle::Stopping,
            connected: self.is_connected(),
            refused: self.refused_now(),
            lag,
            deaf: self.load.deaf(),
            calls: measured.calls,
            faults: measured.faults,
            hook: self.pulse.health(),
            standby: self.led.is_some() && epoch == 0,
        });
        let mut metadata = self.home.metadata.all();
        for (key, value) in self.about.metadata {
            let said = metadata.entry(*key);
            said.or_insert_with(|| (*value).into());
        }
        self.own(&mut metadata);
        metadata.insert("load".to_owned(), measured.load.write());
        if epoch > 0 {
            metadata.insert("leader".to_owned(), true.into());
            metadata.insert("epoch".to_owned(), epoch.into());
        }
        if let Some(reason) = reason {
            metadata.insert("reason".to_owned(), reason.into());
        }
        let record = Instance {
            service: self.home.service.to_string(),
            id: self.home.instance.to_string(),
            version: self.about.version.to_owned(),
            status,
            last_heartbeat: now(),
            sticky_active_group: self.led.map(|led| led.group.to_owned()),
            metadata,
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(record.clone());
        record
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        let mut connection = self.connection.clone();
        let mut refused = self.refused.clone();
        async move {
            tokio::select! {
                () = self.home.metadata.changed() => {}
                () = self.other_role() => {}
                Ok(_) = refused.wait_for(|now| self.is_other_refusal(now)) => {}
                Ok(_) = connection.wait_for(|state| self.is_news(*state)) => {}
            }
        }
        .boxed()
    }
}

impl Record {
    /// The last one that was made; none before the first.
    pub(super) fn last(&self) -> Option<Instance> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }

    /// The longest wait of the last minute, of which this is the newest.
    fn worst(&self, lag: Duration) -> Duration {
        let mut worst = self.worst.lock().unwrap_or_else(PoisonError::into_inner);
        *worst = worse(*worst, lag, Instant::now());
        worst.0
    }

    /// Whether calls can come, as it is told from now on.
    fn is_connected(&self) -> bool {
        let connected = *self.connection.borrow() == ConnectionState::Connected;
        self.connected.store(connected, Ordering::Relaxed);
        connected
    }

    fn told_refused(&self) -> MutexGuard<'_, Option<String>> {
        self.told_refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it may not listen, as it is told from now on.
    fn refused_now(&self) -> Option<String> {
        let first = self.refused.borrow().first().cloned();
        self.told_refused().clone_from(&first);
        first
    }

    fn is_other_refusal(&self, now: &[String]) -> bool {
        now.first() != self.told_refused().as_ref()
    }

    fn is_news(&self, state: ConnectionState) -> bool {
        self.connected.load(Ordering::Relaxed) != (state == ConnectionState::Connected)
    }

    /// As which epoch it leads; 0 if it does not.
    fn epoch_now(&self) -> u64 {
        epoch(&self.standing.borrow())
    }

    /// It leads, or does not, in another way than the last record says.
    async fn other_role(&self) {
        let told = self.epoch.load(Ordering::Relaxed);
        let mut standing = self.standing.clone();
        if standing.wait_for(|now| epoch(now) != told).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn own(&self, metadata: &mut Map<String, Value>) {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let own: [(&str, Value); 6] = [
            ("start_time", self.started.clone().into()),
            ("description", self.about.description.into()),
            ("handlers", self.handlers.clone()),
            ("heartbeat_ms", millis(self.times.0).into()),
            ("ttl_ms", millis(self.times.1).into()),
            ("boot", self.boot.clone().into()),
        ];
        metadata.extend(own.map(|(key, value)| (key.to_owned(), value)));
    }
}

/// What is told after another wait: the longer one, unless it is old.
fn worse(told: (Duration, Instant), lag: Duration, now: Instant) -> (Duration, Instant) {
    let is_old = now.saturating_duration_since(told.1) >= WORST;
    if lag >= told.0 || is_old {
        (lag, now)
    } else {
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_is_told_for_a_minute() {
        let start = Instant::now();
        let mut told = (Duration::ZERO, start);
        for (second, lag, expected) in [
            (0, 1, 1),
            (2, 700, 700),
            (4, 2, 700),
            (30, 700, 700),
            (80, 1, 700),
            (90, 3, 3),
            (92, 1, 3),
        ] {
            let now = start + Duration::from_secs(second);
            told = worse(told, Duration::from_millis(lag), now);
            assert_eq!(told.0, Duration::from_millis(expected), "after {second} s");
        }
    }
}
