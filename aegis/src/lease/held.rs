//! The lease of one leadership, as every task may ask for it: an epoch, and until when.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use crate::model::Moment;

/// What the leader holds. Whether it is valid is read from the clock, so that a process that stood
/// still notices before anybody tells it.
#[derive(Debug)]
pub(crate) struct Lease {
    clock: Clock,
    epoch: u64,
    /// Nanoseconds of the clock.
    until: AtomicU64,
    over: CancellationToken,
}

impl Lease {
    pub(crate) fn new(clock: Clock, epoch: u64, until: Moment) -> Self {
        let lease = Self {
            clock,
            epoch,
            until: AtomicU64::new(0),
            over: CancellationToken::new(),
        };
        lease.extend(until);
        lease
    }

    /// The epoch.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// It is valid until then, at least.
    pub(crate) fn extend(&self, until: Moment) {
        let nanos = u64::try_from(until.as_nanos()).unwrap_or(u64::MAX);
        self.until.fetch_max(nanos, Ordering::Release);
    }

    /// It is over.
    pub(crate) fn end(&self) {
        self.over.cancel();
    }

    /// It is over, and others may lead at once.
    pub(crate) fn give_up(&self) {
        self.over.cancel();
        self.until.store(0, Ordering::Release);
    }

    /// How long it is valid, if it is not renewed.
    pub(crate) fn left(&self) -> Duration {
        if self.over.is_cancelled() {
            return Duration::ZERO;
        }
        let until = Duration::from_nanos(self.until.load(Ordering::Acquire));
        until.saturating_sub(self.clock.now())
    }

    /// Whether it is valid now.
    pub(crate) fn is_valid(&self) -> bool {
        !self.left().is_zero()
    }

    /// Whether nobody else can have begun to lead yet: others wait for the time it was granted for,
    /// also if it ended before. Not asked of a lease that was given up on purpose.
    pub(crate) fn keeps_others_out(&self) -> bool {
        let until = Duration::from_nanos(self.until.load(Ordering::Acquire));
        self.clock.now() < until
    }

    /// Waits until it is over.
    pub(crate) async fn ended(&self) {
        loop {
            let left = self.left();
            if left.is_zero() {
                return;
            }
            // It may have been renewed meanwhile.
            tokio::select! {
                () = self.over.cancelled() => return,
                () = tokio::time::sleep(left) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn it_is_valid_until_it_is_not_renewed() {
        let clock = Clock::runtime();
        let ms = Duration::from_millis;
        let lease = Lease::new(clock, 7, ms(1));
        lease.extend(ms(20));
        // A late answer shortens nothing.
        lease.extend(ms(2));
        lease.ended().await;
        assert!(clock.now() >= ms(20) && !lease.is_valid());
        assert_eq!((lease.left(), lease.epoch()), (Duration::ZERO, 7));
    }

    #[tokio::test]
    async fn what_is_given_up_stays_over() {
        let lease = Arc::new(Lease::new(Clock::runtime(), 8, HOUR));
        let waits = tokio::spawn({
            let lease = lease.clone();
            async move { lease.ended().await }
        });
        assert!(lease.is_valid());
        lease.end();
        waits.await.unwrap();
        lease.extend(2 * HOUR);
        assert!(!lease.is_valid() && lease.keeps_others_out());
    }
}
