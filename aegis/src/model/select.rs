//! Which of several instances a call goes to.

use super::instance::Load;
use super::name::{InstanceId, NameError};

/// How an instance is chosen for a call. Only those that serve are chosen: none that drain, are
/// unhealthy, or have said nothing for three heartbeats.
///
/// ```no_run
/// # async fn example(client: aegis::Client) -> aegis::Result<()> {
/// use aegis::Select;
/// use serde_json::json;
///
/// let quote = client
///     .call("pricing", "quote", &json!({"sku": "chair"}))
///     .select(Select::key("customer-7"))
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Select {
    /// One after the other.
    RoundRobin,
    /// Any.
    Random,
    /// The one with the least work of two taken at random, by the load that instances tell with
    /// their heartbeats ("the power of two choices", Mitzenmacher 2001: with figures that are a
    /// heartbeat old, the very least would be overrun).
    LeastLoaded,
    /// Always the same one for this client while it serves; each client has its own.
    Sticky,
    /// This one while it serves; else always the same other one.
    Prefer(InstanceId),
    /// Always the same one for the same key while it serves (rendezvous hashing, Thaler and
    /// Ravishankar 1998: when one goes, only its keys move).
    Key(String),
}

impl Select {
    /// Always the same instance for the same key.
    pub fn key(key: impl Into<String>) -> Self {
        Self::Key(key.into())
    }

    /// This instance while it serves. A text that is no id of an instance is an `Invalid` error.
    pub fn prefer(instance: &str) -> Result<Self, NameError> {
        InstanceId::parse(instance).map(Self::Prefer)
    }
}

/// One instance that may be chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) id: &'a str,
    pub(crate) load: Load,
}

/// What a choice depends on beside the candidates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chance {
    /// Counts the calls of one method.
    pub(crate) turn: u64,
    /// Any number.
    pub(crate) random: u64,
    /// What tells this client from others.
    pub(crate) client: u64,
}

/// Chooses one of the candidates, who are sorted by id; none if there are none.
pub(crate) fn choose(
    select: &Select,
    candidates: &[Candidate<'_>],
    chance: Chance,
) -> Option<usize> {
    let count = candidates.len();
    if count == 0 {
        return None;
    }
    let within = |number: u64| usize::try_from(number % count as u64).unwrap_or(0);
    Some(match select {
        Select::RoundRobin => within(chance.turn),
        Select::Random => within(chance.random),
        Select::LeastLoaded => {
            let one = within(chance.random);
            // A second one that is not the first.
            let step = (chance.random >> 32) % (count as u64 - 1).max(1);
            let other = (one + 1 + usize::try_from(step).unwrap_or(0)) % count;
            if work(candidates[other].load) < work(candidates[one].load) {
                other
            } else {
                one
            }
        }
        Select::Sticky => highest(candidates, &chance.client.to_le_bytes()),
        Select::Key(key) => highest(candidates, key.as_bytes()),
        Select::Prefer(id) => candidates
            .iter()
            .position(|candidate| candidate.id == id.as_str())
            .unwrap_or_else(|| highest(candidates, &chance.client.to_le_bytes())),
    })
}

/// How long a further call would about take there.
#[expect(
    clippy::cast_precision_loss,
    reason = "a count of calls is far below 2^52"
)]
fn work(load: Load) -> f64 {
    (load.p50_ms + 0.1) * (load.in_flight as f64 + 1.0) + load.lag_ms
}

/// Rendezvous hashing: the candidate with the highest number for this key.
fn highest(candidates: &[Candidate<'_>], key: &[u8]) -> usize {
    let numbers = candidates
        .iter()
        .map(|candidate| number(key, candidate.id))
        .enumerate();
    numbers
        .max_by_key(|(_, number)| *number)
        .map_or(0, |(at, _)| at)
}

/// A number for a key at an instance, the same in every process and version: FNV-1a, then the
/// finisher of `SplitMix64`.
fn number(key: &[u8], id: &str) -> u64 {
    let bytes = key.iter().chain(&[0xff]).chain(id.as_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates<'a>(ids: &[&'a str]) -> Vec<Candidate<'a>> {
        let load = Load::default();
        ids.iter().map(|id| Candidate { id, load }).collect()
    }

    fn chance(turn: u64) -> Chance {
        let random = turn.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Chance {
            turn,
            random,
            client: 7,
        }
    }

    fn counts(select: &Select, candidates: &[Candidate<'_>], calls: u64) -> Vec<usize> {
        let mut counts = vec![0; candidates.len()];
        for turn in 0..calls {
            counts[choose(select, candidates, chance(turn)).unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn each_way_spreads_as_it_says() {
        let three = candidates(&["a", "b", "c"]);
        assert_eq!(counts(&Select::RoundRobin, &three, 60), [20, 20, 20]);
        assert!(
            counts(&Select::Random, &three, 600)
                .iter()
                .all(|count| *count > 100)
        );
        for sticky in [
            Select::Sticky,
            Select::key("k"),
            Select::prefer("b").unwrap(),
        ] {
            assert!(counts(&sticky, &three, 60).contains(&60), "{sticky:?}");
        }
        assert_eq!(counts(&Select::prefer("b").unwrap(), &three, 3), [0, 3, 0]);
        for select in [Select::RoundRobin, Select::LeastLoaded, Select::Sticky] {
            assert_eq!(choose(&select, &[], chance(1)), None);
            assert_eq!(choose(&select, &three[..1], chance(5)), Some(0));
        }
    }

    #[test]
    fn a_slow_one_gets_little() {
        let mut three = candidates(&["a", "b", "c"]);
        three[1].load.p50_ms = 200.0;
        assert_eq!(counts(&Select::LeastLoaded, &three, 600)[1], 0);
        three[1].load = Load::default();
        three[2].load.in_flight = 50;
        assert_eq!(counts(&Select::LeastLoaded, &three, 600)[2], 0);
        three[2].load = Load::default();
        assert!(
            counts(&Select::LeastLoaded, &three, 600)
                .iter()
                .all(|count| *count > 100)
        );
    }

    #[test]
    fn when_one_goes_only_its_keys_move() {
        let all = candidates(&["a", "b", "c", "d"]);
        let rest = candidates(&["a", "b", "d"]);
        let mut moved = 0;
        for key in 0..1000 {
            let key = Select::key(key.to_string());
            let before = all[choose(&key, &all, chance(0)).unwrap()].id;
            let after = rest[choose(&key, &rest, chance(0)).unwrap()].id;
            if before == "c" {
                moved += 1;
            } else {
                assert_eq!(before, after);
            }
        }
        assert!((150..350).contains(&moved), "{moved} of 1000 were its own");
    }
}
