//! Futures that are dropped in the middle.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

/// Polls a future so many times at the most, and drops it then; none if it was not ready by then.
pub async fn interrupted<F: Future>(polls: u64, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            // What waits for something rare is not waited for.
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Numbers that look random and are the same in each run (Knuth's linear congruence).
#[derive(Debug)]
pub struct Dice(AtomicU64);

impl Dice {
    /// Dice that fall as those of the same seed.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A number below a bound.
    pub fn below(&self, bound: u64) -> u64 {
        let next = |state: u64| {
            state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407)
        };
        let order = Ordering::Relaxed;
        let before = self.0.fetch_update(order, order, |state| Some(next(state)));
        (next(before.unwrap_or_default()) >> 33) % bound
    }
}
