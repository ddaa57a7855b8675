//! The time that leases count in: it goes on while the host sleeps, so that a leader that wakes up
//! knows how long it was away.

use std::time::Duration;

use tokio::time::Instant;

use crate::model::Moment;

/// A clock. No two hosts' clocks are ever compared.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Clock {
    /// That of the host, since it was booted.
    Boot,
    /// That of the runtime, which tests may stop: for what never leaves the process.
    Runtime(Instant),
}

impl Clock {
    /// The clock of the runtime, from now on.
    pub(crate) fn runtime() -> Self {
        Self::Runtime(Instant::now())
    }

    /// The time.
    pub(crate) fn now(self) -> Moment {
        match self {
            Self::Boot => since_boot(),
            Self::Runtime(start) => start.elapsed(),
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn since_boot() -> Duration {
    of(rustix::time::ClockId::Boottime)
}

/// On these systems the monotonic clock does not stop either.
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
fn since_boot() -> Duration {
    of(rustix::time::ClockId::Monotonic)
}

#[cfg(unix)]
fn of(clock: rustix::time::ClockId) -> Duration {
    // A time since boot is never negative.
    Duration::try_from(rustix::time::clock_gettime(clock)).unwrap_or_default()
}

/// The performance counter of Windows goes on while it sleeps.
#[cfg(not(unix))]
fn since_boot() -> Duration {
    use std::sync::LazyLock;
    static START: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on() {
        let before = Clock::Boot.now();
        std::thread::sleep(Duration::from_millis(2));
        assert!(Clock::Boot.now() >= before + Duration::from_millis(2));
    }

    #[tokio::test]
    async fn that_of_the_runtime_begins_now() {
        let clock = Clock::runtime();
        let ms = Duration::from_millis;
        tokio::time::sleep(ms(2)).await;
        assert!(clock.now() >= ms(2) && clock.now() < Clock::Boot.now());
    }
}
