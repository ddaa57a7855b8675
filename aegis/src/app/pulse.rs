//! Feels the runtime that user code runs on: how long a task waits for a thread, and what the
//! `#[health]` hook says.
//!
//! These tasks run where user code runs, so that they are held up with it; who reads their signs is
//! not.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::FutureExt;
use tokio_util::task::AbortOnDropHandle;

use crate::model::Health;
use crate::serve::{Context, Home, Hooks};

/// Between two looks at the runtime.
const STEP: Duration = Duration::from_millis(250);
/// The first check of a start may take so long.
const FIRST: Duration = Duration::from_secs(1);

/// The signs of one service.
pub(super) struct Pulse {
    signs: Arc<Mutex<Felt>>,
    heartbeat: Duration,
    _tasks: [AbortOnDropHandle<()>; 2],
}

struct Felt {
    /// When the probe ran last.
    probed: Instant,
    /// The longest wait since it was asked for.
    lag: Duration,
    /// The wait that is not over yet has been told already.
    told: bool,
    /// What the hook said last, and when.
    health: Option<Health>,
    checked: Instant,
}

fn felt(signs: &Mutex<Felt>) -> MutexGuard<'_, Felt> {
    signs.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pulse {
    /// Starts to feel, after a first check.
    pub(super) async fn start(hooks: Arc<dyn Hooks>, home: Arc<Home>, heartbeat: Duration) -> Self {
        let now = Instant::now();
        let first = check(&hooks, &home, FIRST).await;
        let signs = Arc::new(Mutex::new(Felt {
            probed: now,
            lag: Duration::ZERO,
            told: false,
            health: first,
            checked: Instant::now(),
        }));
        let tasks = [
            tokio::spawn(probe(signs.clone())),
            tokio::spawn(ask(signs.clone(), hooks, home, heartbeat)),
        ];
        Self {
            signs,
            heartbeat,
            _tasks: tasks.map(AbortOnDropHandle::new),
        }
    }

    /// The longest that a task has waited for a thread since this was asked.
    pub(super) fn lag(&self) -> Duration {
        let mut felt = felt(&self.signs);
        let waits = felt.probed.elapsed().saturating_sub(STEP);
        felt.told = !waits.is_zero();
        std::mem::take(&mut felt.lag).max(waits)
    }

    /// What the hook said; none if it has not ended for too long.
    pub(super) fn health(&self) -> Option<Health> {
        let felt = felt(&self.signs);
        // It is asked with every heartbeat, and may take another one. While the whole runtime is
        // held up, that it is late tells nothing of the hook.
        let held_up = felt.probed.elapsed() > 2 * STEP;
        let late = felt.checked.elapsed() > self.heartbeat * 3;
        felt.health.clone().filter(|_| held_up || !late)
    }
}

async fn probe(signs: Arc<Mutex<Felt>>) {
    let mut began = Instant::now();
    felt(&signs).probed = began;
    loop {
        tokio::time::sleep(STEP).await;
        let now = Instant::now();
        let waited = now.duration_since(began).saturating_sub(STEP);
        let mut felt = felt(&signs);
        // One wait is told once, also if it was asked for before it was over.
        if !std::mem::take(&mut felt.told) {
            felt.lag = felt.lag.max(waited);
        }
        felt.probed = now;
        began = now;
    }
}

async fn ask(signs: Arc<Mutex<Felt>>, hooks: Arc<dyn Hooks>, home: Arc<Home>, heartbeat: Duration) {
    loop {
        tokio::time::sleep(heartbeat).await;
        let health = check(&hooks, &home, heartbeat).await;
        let changed = {
            let mut felt = felt(&signs);
            felt.checked = Instant::now();
            std::mem::replace(&mut felt.health, health.clone()) != health
        };
        if changed {
            home.metadata.touch();
        }
    }
}

/// Asks the hook; none if it does not end in time.
async fn check(hooks: &Arc<dyn Hooks>, home: &Arc<Home>, within: Duration) -> Option<Health> {
    let context = Context::of_hook(home.clone(), "health");
    let hook = AssertUnwindSafe(context.around(hooks.check(&context))).catch_unwind();
    match tokio::time::timeout(within, hook).await {
        Ok(Ok(health)) => Some(health),
        Ok(Err(_)) => Some(Health::unhealthy("its `#[health]` hook panicked")),
        Err(_) => None,
    }
}
