//! Many calls at once, and what came of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aegis::{CallError, Failure, RetryPolicy};
use futures_util::StreamExt as _;

use super::echo::{EchoClient, Said};

/// How many calls are on their way at once.
pub(super) const AT_ONCE: usize = 16;
/// How long a call takes at its instance, so that some are running when something happens.
const WORK_MILLIS: u64 = 5;

/// Calls to be made.
pub(super) struct Load<'a> {
    echo: &'a EchoClient,
    calls: usize,
    retry: RetryPolicy,
    within: Option<Duration>,
}

/// What came of calls.
#[derive(Debug, Default)]
pub(super) struct Tally {
    by_instance: BTreeMap<String, usize>,
    failures: Vec<String>,
    times: Vec<Duration>,
}

type Outcome = Result<Said, CallError<Failure>>;

impl<'a> Load<'a> {
    /// Calls without retries.
    pub(super) fn new(echo: &'a EchoClient, calls: usize) -> Self {
        Self {
            echo,
            calls,
            retry: RetryPolicy::never(),
            within: None,
        }
    }

    /// Retries them.
    pub(super) fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Gives each this time.
    pub(super) fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }

    /// Makes the calls; `happening` is what happens when a third of them is answered, while others
    /// are running.
    pub(super) async fn run(
        self,
        happening: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<Tally> {
        let mut happening = Some(happening);
        let calls = futures_util::stream::iter(0..self.calls).map(|number| self.call(number));
        let mut outcomes = std::pin::pin!(calls.buffer_unordered(AT_ONCE));
        let mut tally = Tally::default();
        while let Some((text, took, outcome)) = outcomes.next().await {
            tally.note(&text, took, outcome);
            if tally.calls() >= self.calls / 3
                && let Some(happening) = happening.take()
            {
                happening()?;
            }
        }
        Ok(tally)
    }

    async fn call(&self, number: usize) -> (String, Duration, Outcome) {
        let text = format!("call {number}");
        let start = Instant::now();
        let mut call = self.echo.work(text.clone(), WORK_MILLIS).retry(self.retry);
        if let Some(time) = self.within {
            call = call.within(time);
        }
        let outcome = call.await;
        (text, start.elapsed(), outcome)
    }
}

impl Tally {
    /// Notes how one call ended.
    pub(super) fn note(&mut self, text: &str, took: Duration, outcome: Outcome) {
        self.times.push(took);
        match outcome {
            Ok(said) if said.text == text => {
                *self.by_instance.entry(said.instance).or_default() += 1;
            }
            Ok(said) => self
                .failures
                .push(format!("{text:?} came back as {:?}", said.text)),
            Err(error) => self.failures.push(format!("{text:?}: {error}")),
        }
    }

    /// Adds what came of other calls.
    pub(super) fn add(&mut self, other: Self) {
        for (instance, calls) in other.by_instance {
            *self.by_instance.entry(instance).or_default() += calls;
        }
        self.failures.extend(other.failures);
        self.times.extend(other.times);
    }

    /// How many calls were made.
    pub(super) fn calls(&self) -> usize {
        self.times.len()
    }

    /// How many an instance answered.
    pub(super) fn answered_by(&self, instance: &str) -> usize {
        self.by_instance.get(instance).copied().unwrap_or_default()
    }

    /// How many failed.
    pub(super) fn failures(&self) -> usize {
        self.failures.len()
    }

    /// Why the first ones failed.
    pub(super) fn reasons(&self) -> impl Iterator<Item = &str> {
        self.failures.iter().take(3).map(String::as_str)
    }

    /// The longest time a call took.
    pub(super) fn longest(&self) -> Duration {
        self.times.iter().copied().max().unwrap_or_default()
    }

    /// The time that half of the calls did not exceed.
    pub(super) fn median(&self) -> Duration {
        let mut times = self.times.clone();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    }
}
