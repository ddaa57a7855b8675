//! How long calls take: a histogram that any thread adds to without waiting.
//!
//! Buckets grow with the value, eight to each doubling, so a percentile is right within 7 %
//! (as in `HdrHistogram`, with three significant bits).

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Bits of a value that tell buckets of one doubling apart.
const BITS: u32 = 3;
const STEPS: usize = 1 << BITS;
/// Microseconds up to 2^32, about 71 minutes; longer counts as that.
const BUCKETS: usize = (32 - BITS as usize + 1) * STEPS;

/// Durations since they were last taken.
pub(super) struct Latencies(Box<[AtomicU32]>);

impl std::fmt::Debug for Latencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Latencies")
    }
}

impl Latencies {
    pub(super) fn new() -> Self {
        Self((0..BUCKETS).map(|_| AtomicU32::new(0)).collect())
    }

    /// Counts one.
    pub(super) fn add(&self, took: Duration) {
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        self.0[bucket(micros)].fetch_add(1, Ordering::Relaxed);
    }

    /// Takes them out, into `sum`.
    pub(super) fn take(&self, sum: &mut Taken) {
        for (count, into) in self.0.iter().zip(&mut sum.0) {
            *into += u64::from(count.swap(0, Ordering::Relaxed));
        }
    }
}

/// Durations of several handlers, taken at one moment.
#[derive(Debug)]
pub(super) struct Taken(Vec<u64>);

impl Taken {
    pub(super) fn new() -> Self {
        Self(vec![0; BUCKETS])
    }

    /// The time within which a share of the calls ended, in milliseconds; none without calls.
    pub(super) fn percentile(&self, share: f64) -> Option<f64> {
        let all: u64 = self.0.iter().sum();
        if all == 0 {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of calls is far below 2^52"
        )]
        let rank = ((all as f64 * share).ceil() as u64).clamp(1, all);
        let mut seen = 0;
        let found = self.0.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        found.map(|at| f64::from(middle(at)) / 1000.0)
    }
}

fn bucket(micros: u32) -> usize {
    let exponent = (u32::BITS - micros.leading_zeros()).saturating_sub(BITS + 1);
    let step = (micros >> exponent) as usize;
    exponent as usize * STEPS + step
}

/// The middle of a bucket, in microseconds.
fn middle(bucket: usize) -> u32 {
    let exponent = (bucket / STEPS).saturating_sub(1);
    let step = bucket - exponent * STEPS;
    let low = u32::try_from(step << exponent).unwrap_or(u32::MAX);
    low.saturating_add((1 << exponent) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_bucket_near_it() {
        let mut last = 0;
        let values = (0..100_000).chain((17..32).flat_map(|bits| {
            let value = 1u32 << bits;
            [value - 1, value, value + 1]
        }));
        for micros in values.chain([u32::MAX - 1, u32::MAX]) {
            let at = bucket(micros);
            assert!(at < BUCKETS && (at == last || at >= last), "{micros}");
            last = at;
            let far = middle(at).abs_diff(micros);
            assert!(
                f64::from(far) <= f64::from(micros) * 0.07,
                "{micros}: {}",
                middle(at)
            );
        }
    }

    #[test]
    fn percentiles_are_those_of_the_values() {
        let latencies = Latencies::new();
        for micros in 1..=1000 {
            latencies.add(Duration::from_micros(micros));
        }
        latencies.add(Duration::from_secs(100_000));
        let mut taken = Taken::new();
        latencies.take(&mut taken);
        let near = |share: f64, expected: f64| {
            let found = taken.percentile(share).unwrap();
            assert!(
                (found - expected).abs() <= expected * 0.07,
                "{share}: {found}"
            );
        };
        near(0.5, 0.5);
        near(0.99, 0.99);
        near(0.0, 0.001);
        assert!(
            taken.percentile(1.0).unwrap() > 4_000_000.0,
            "the longest that is told"
        );
        let mut none = Taken::new();
        latencies.take(&mut none);
        assert_eq!(none.percentile(0.5), None, "they were taken");
    }
}
