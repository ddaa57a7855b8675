//! Which numbers a failover can have. The macros compile this file too (a link), so that wrong
//! numbers are a compile error.

use std::time::Duration;

/// A named choice of numbers.
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    /// Lease, margin and renewal, in milliseconds.
    pub(crate) millis: [u64; 3],
}

/// From the quickest to the calmest.
pub(crate) const PRESETS: [Preset; 4] = [
    preset("aggressive", [600, 100, 120]),
    preset("balanced", [900, 150, 180]),
    preset("conservative", [3000, 500, 600]),
    preset("ride-through", [12_000, 2000, 1000]),
];

const fn preset(name: &'static str, millis: [u64; 3]) -> Preset {
    Preset { name, millis }
}

/// The shortest reserve that a busy machine keeps.
const LEAST_MARGIN: Duration = Duration::from_millis(50);
/// A longer lease is a service that nobody leads for a minute.
const LONGEST_LEASE: Duration = Duration::from_secs(60);

/// Refuses numbers that no leader could keep, with the rule.
pub(crate) fn check(lease: Duration, margin: Duration, renew: Duration) -> Result<(), String> {
    if lease > LONGEST_LEASE {
        return Err(format!(
            "a lease of {lease:?} is too long: it is at most 60 s"
        ));
    }
    let sixth = u64::try_from(lease.as_millis().div_ceil(6)).unwrap_or(u64::MAX);
    let narrowest = LEAST_MARGIN.max(Duration::from_millis(sixth));
    if margin < narrowest || margin >= lease {
        return Err(format!(
            "a margin of {margin:?} does not fit a lease of {lease:?}: it is at least \
             {narrowest:?} \
             (50 ms, and a sixth of the lease) and shorter than the lease"
        ));
    }
    let longest = lease.saturating_sub(margin) / 4;
    if renew.is_zero() || renew > longest {
        return Err(format!(
            "a renewal every {renew:?} does not fit a lease of {lease:?}: it is more than 0 and at \
             most {longest:?}, so that one lost renewal costs nothing"
        ));
    }
    Ok(())
}
