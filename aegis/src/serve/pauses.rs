//! How long a reading that has failed waits before it begins anew.

use std::time::Duration;

use crate::model::RetryPolicy;
use crate::observe;

/// 50 ms, doubled up to 2 s.
pub(super) fn pause(failures: u32) -> Duration {
    let pauses = RetryPolicy::default()
        .max_attempts(u32::MAX)
        .initial_delay(Duration::from_millis(50))
        .max_delay(LONGEST)
        .jitter(0.25);
    pauses.delay(failures, observe::chance()).unwrap_or(LONGEST)
}

const LONGEST: Duration = Duration::from_secs(2);
