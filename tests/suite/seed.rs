//! Numbers that are the same again for the same seed.

use std::time::Duration;

use aegis_tests::history::now;

/// A small generator (`SplitMix64`): a run that failed can be made again.
pub(crate) struct Dice(u64);

impl Dice {
    /// `AEGIS_TEST_SEED`, else another one each time. It is printed.
    pub(crate) fn new() -> Self {
        let seed = match std::env::var("AEGIS_TEST_SEED") {
            Ok(text) => text.parse().expect("a number"),
            Err(_) => now(),
        };
        println!("AEGIS_TEST_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of so many.
    pub(crate) fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most as u64).unwrap()
    }

    /// A time between two.
    pub(crate) fn millis(&mut self, least: usize, most: usize) -> Duration {
        Duration::from_millis((least + self.below(most - least + 1)) as u64)
    }

    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last + 1));
        }
    }
}
