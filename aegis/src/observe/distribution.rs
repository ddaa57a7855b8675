//! How values are spread: a histogram of fixed size that any thread adds to without waiting.
//!
//! Buckets grow with the value, eight to each doubling, so a percentile is right within 7 %.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bits of a double that tell buckets apart: its exponent, and three bits behind it.
const SHIFT: u32 = 49;
/// 2^-20, about a millionth: what is less counts as that.
const LOWEST: u64 = 0x3eb0_0000_0000_0000 >> SHIFT;
/// Up to 2^44, about 17 million million; what is more counts as that.
const BUCKETS: usize = 64 * 8;

/// Values since the start.
pub(super) struct Distribution {
    counts: Box<[AtomicU64]>,
    /// Doubles, as their bits.
    sum: AtomicU64,
    least: AtomicU64,
    most: AtomicU64,
}

impl Distribution {
    pub(super) fn new() -> Self {
        Self {
            counts: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
            least: AtomicU64::new(f64::INFINITY.to_bits()),
            most: AtomicU64::new(f64::NEG_INFINITY.to_bits()),
        }
    }

    fn change(cell: &AtomicU64, change: impl Fn(f64) -> Option<f64>) {
        let bits = |bits| change(f64::from_bits(bits)).map(f64::to_bits);
        // It is `None` that ends it without a change.
        let _ = cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, bits);
    }

    pub(super) fn spread(&self) -> Spread {
        let load = |cell: &AtomicU64| f64::from_bits(cell.load(Ordering::Relaxed));
        let counts = self.counts.iter().map(|one| one.load(Ordering::Relaxed));
        Spread {
            counts: counts.collect(),
            sum: load(&self.sum),
            least: load(&self.least),
            most: load(&self.most),
        }
    }
}

impl metrics::HistogramFn for Distribution {
    fn record(&self, value: f64) {
        // There is no place for what is no number.
        if value.is_nan() {
            return;
        }
        self.counts[bucket(value)].fetch_add(1, Ordering::Relaxed);
        Self::change(&self.sum, |sum| Some(sum + value));
        Self::change(&self.least, |least| (value < least).then_some(value));
        Self::change(&self.most, |most| (value > most).then_some(value));
    }
}

/// The values of one histogram at one moment.
#[derive(Debug, Clone)]
pub(super) struct Spread {
    counts: Vec<u64>,
    pub(super) sum: f64,
    least: f64,
    most: f64,
}

impl Spread {
    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The least and the most; both 0 without values.
    pub(super) fn ends(&self) -> (f64, f64) {
        if self.least <= self.most {
            (self.least, self.most)
        } else {
            (0.0, 0.0)
        }
    }

    /// How many values are at most that; right within the bucket that it falls into.
    pub(super) fn up_to(&self, bound: f64) -> u64 {
        let all = self.counts.iter().enumerate();
        all.take_while(|(at, _)| upper(*at) <= bound)
            .map(|(_, count)| count)
            .sum()
    }

    /// The value that a share of all values does not exceed; 0 without values.
    pub(super) fn percentile(&self, share: f64) -> f64 {
        let all = self.count();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count is far below 2^52"
        )]
        let rank = ((all as f64 * share).ceil() as u64).clamp(1, all.max(1));
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        let (least, most) = self.ends();
        found.map_or(0.0, |at| middle(at).clamp(least, most))
    }
}

fn bucket(value: f64) -> usize {
    if value <= 0.0 {
        return 0;
    }
    let at = (value.to_bits() >> SHIFT).saturating_sub(LOWEST);
    usize::try_from(at).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// Where a bucket begins.
fn lower(bucket: usize) -> f64 {
    f64::from_bits((bucket as u64 + LOWEST) << SHIFT)
}

/// Where the next one begins.
fn upper(bucket: usize) -> f64 {
    lower(bucket + 1)
}

fn middle(bucket: usize) -> f64 {
    f64::midpoint(lower(bucket), upper(bucket))
}

#[cfg(test)]
mod tests {
    use metrics::HistogramFn as _;

    use super::*;

    #[test]
    fn every_value_has_a_bucket_near_it() {
        let mut value = 1.1e-6;
        while value < 1e13 {
            let at = bucket(value);
            assert!(lower(at) <= value && value < upper(at), "{value}");
            assert!((middle(at) - value).abs() <= value * 0.07, "{value}");
            value *= 1.003;
        }
        let extremes = [-1.0, 0.0, 1e-300, f64::NEG_INFINITY, 1e300, f64::INFINITY];
        let last = BUCKETS - 1;
        assert_eq!(extremes.map(bucket), [0, 0, 0, 0, last, last]);
    }

    #[test]
    fn what_is_told_is_that_of_the_values() {
        let all = Distribution::new();
        for millis in 1..=1000 {
            all.record(f64::from(millis) / 1000.0);
        }
        all.record(f64::NAN);
        let spread = all.spread();
        assert_eq!((spread.count(), spread.ends()), (1000, (0.001, 1.0)));
        assert!((spread.sum - 500.5).abs() < 1e-6);
        for (share, expected) in [
            (0.5, 0.5),
            (0.9, 0.9),
            (0.99, 0.99),
            (0.0, 0.001),
            (1.0, 1.0),
        ] {
            let found = spread.percentile(share);
            assert!(
                (found - expected).abs() <= expected * 0.07,
                "{share}: {found}"
            );
        }
        let half = spread.up_to(0.5);
        assert!((430..=500).contains(&half), "{half}");
        assert_eq!(spread.up_to(f64::INFINITY), 1000);
    }

    #[test]
    fn nothing_is_told_of_nothing() {
        let spread = Distribution::new().spread();
        assert_eq!((spread.count(), spread.ends()), (0, (0.0, 0.0)));
        assert!(spread.percentile(0.99).abs() < f64::EPSILON);
    }
}
