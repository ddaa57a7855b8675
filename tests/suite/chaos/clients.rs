//! Whoever counts: each call is one line before and one after.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::counter::{Added, Calls, NOT_READ, STALE};
use super::*;

/// The time of a usual call.
const TIME: Duration = Duration::from_secs(2);
/// Between two calls of one caller: the history shall not be too long to be judged.
const PAUSE: Duration = Duration::from_millis(8);

/// Who writes the lines of calls.
pub(super) struct Caller {
    calls: Calls,
    recorder: Recorder,
    next: AtomicU64,
}

impl Caller {
    pub(super) fn new(client: &Client, folder: &Path, name: &str) -> Self {
        Self {
            calls: Calls::new(client),
            recorder: Recorder::create(folder, name),
            next: AtomicU64::new(0),
        }
    }

    pub(super) async fn add(&self) -> Result<Added, CallError<Failure>> {
        self.recorded(self.calls.add(), TIME).await
    }

    /// A call that stops between its decision and its write, until it may go on.
    pub(super) async fn add_held(&self) -> Result<Added, CallError<Failure>> {
        self.recorded(self.calls.add_held(), PATIENCE).await
    }

    async fn recorded(
        &self,
        call: Call<Added, Failure>,
        time: Duration,
    ) -> Result<Added, CallError<Failure>> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let key = String::new();
        let deadline = now() + u64::try_from(time.as_nanos()).unwrap();
        let invoke = What::Invoke { id, key, deadline };
        self.recorder.write(invoke);
        let called = call.within(time).await;
        self.recorder.write(match &called {
            Ok(Added { value, .. }) => What::Ok { id, value: *value },
            Err(error) => {
                let nothing_ran = nothing_ran(error);
                What::Failed { id, nothing_ran }
            }
        });
        called
    }
}

/// Whether it is certain that nothing was counted.
fn nothing_ran(error: &CallError<Failure>) -> bool {
    match error {
        CallError::Service(failure) => [STALE, NOT_READ].contains(&failure.code()),
        CallError::Failed(error) => error.nothing_ran(),
    }
}

/// Callers that go on until they are told to end.
pub(super) struct Clients {
    tasks: JoinSet<()>,
    end: Arc<AtomicBool>,
    /// Calls that succeeded.
    succeeded: watch::Sender<u64>,
}

impl Clients {
    pub(super) fn start(number: usize, client: &Client, folder: &Path) -> Self {
        let mut tasks = JoinSet::new();
        let end = Arc::new(AtomicBool::new(false));
        let succeeded = watch::Sender::new(0);
        for number in 1..=number {
            let caller = Caller::new(client, folder, &format!("client-{number}"));
            tasks.spawn(go_on(caller, end.clone(), succeeded.clone()));
        }
        Self {
            tasks,
            end,
            succeeded,
        }
    }

    /// Waits for some calls that succeed from now on. More than there are callers, so that one of
    /// them was begun after this.
    pub(super) async fn succeed(&self) {
        let mut succeeded = self.succeeded.subscribe();
        let more = *succeeded.borrow() + self.tasks.len() as u64 + 1;
        let reached = succeeded.wait_for(|number| *number >= more);
        let reached = soon("calls that succeed", reached).await;
        assert!(reached.is_ok(), "callers");
    }

    pub(super) async fn end(mut self) {
        self.end.store(true, Ordering::Relaxed);
        while let Some(ended) = soon("the end of a caller", self.tasks.join_next()).await {
            ended.unwrap();
        }
    }
}

async fn go_on(caller: Caller, end: Arc<AtomicBool>, succeeded: watch::Sender<u64>) {
    while !end.load(Ordering::Relaxed) {
        if caller.add().await.is_ok() {
            succeeded.send_modify(|number| *number += 1);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
