//! How long a lease is, and how much of it is kept as a reserve.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::rules::{PRESETS, Preset, check};

/// How soon another instance leads when the leader is lost.
///
/// A leader holds a *lease*, which it renews again and again. It counts the lease from before the
/// renewal was sent and ends it a *margin* early; the others count from after they saw the renewal,
/// and wait for the whole lease. So no two of them lead at a time, as long as their clocks run
/// equally fast within `margin / 2 lease` (8 % in every preset); that they show the same time is
/// not needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Failover {
    lease: Duration,
    margin: Duration,
    renew: Duration,
}

/// Numbers that no leader could keep.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FailoverError(String);

impl Default for Failover {
    fn default() -> Self {
        Self::balanced()
    }
}

impl Failover {
    /// A crashed leader is replaced within 0.64 s on a local network; 8 writes a second.
    pub const fn aggressive() -> Self {
        Self::of(&PRESETS[0])
    }

    /// A crashed leader is replaced within 0.94 s on a local network; 6 writes a second.
    pub const fn balanced() -> Self {
        Self::of(&PRESETS[1])
    }

    /// A crashed leader is replaced within 3.1 s; 2 writes a second. For networks with long ways.
    pub const fn conservative() -> Self {
        Self::of(&PRESETS[2])
    }

    /// A crashed leader is replaced within 12 s, and the leader stays while a node of a NATS
    /// cluster crashes, which takes the others up to 7 s to notice; 1 write a second.
    pub const fn ride_through() -> Self {
        Self::of(&PRESETS[3])
    }

    /// The preset of this name: `aggressive`, `balanced`, `conservative` or `ride-through`.
    pub fn named(name: &str) -> Option<Self> {
        let found = PRESETS.iter().find(|preset| preset.name == name);
        found.map(Self::of)
    }

    const fn of(preset: &Preset) -> Self {
        let [lease, margin, renew] = preset.millis;
        Self {
            lease: Duration::from_millis(lease),
            margin: Duration::from_millis(margin),
            renew: Duration::from_millis(renew),
        }
    }

    /// Numbers of one's own: the lease, its reserve, and how often it is renewed.
    ///
    /// Errors: the reserve must be at least 50 ms and a sixth of the lease, the lease at most 60 s,
    /// and four renewals must fit into what is left of it.
    pub fn custom(
        lease: Duration,
        margin: Duration,
        renew: Duration,
    ) -> Result<Self, FailoverError> {
        check(lease, margin, renew).map_err(FailoverError)?;
        Ok(Self {
            lease,
            margin,
            renew,
        })
    }

    /// Milliseconds that were checked where they were written.
    pub(crate) const fn checked(lease: u64, margin: u64, renew: u64) -> Self {
        Self {
            lease: Duration::from_millis(lease),
            margin: Duration::from_millis(margin),
            renew: Duration::from_millis(renew),
        }
    }

    /// How long others wait for a leader that says nothing.
    pub const fn lease(&self) -> Duration {
        self.lease
    }

    /// How much earlier than that the leader itself ends it.
    pub const fn margin(&self) -> Duration {
        self.margin
    }

    /// How often it is renewed.
    pub const fn renew(&self) -> Duration {
        self.renew
    }

    /// How long the leader believes in it, from before the renewal was sent.
    pub(crate) fn held(&self) -> Duration {
        self.lease.saturating_sub(self.margin)
    }
}

/// The name of a preset, or numbers: `lease=600ms margin=100ms renew=120ms`.
impl FromStr for Failover {
    type Err = FailoverError;

    fn from_str(text: &str) -> Result<Self, FailoverError> {
        if let Some(preset) = Self::named(text.trim()) {
            return Ok(preset);
        }
        let number = |name: &str| {
            let mut pairs = text
                .split_whitespace()
                .filter_map(|pair| pair.split_once('='));
            let (_, value) = pairs.find(|(key, _)| *key == name)?;
            humantime::parse_duration(value).ok()
        };
        let numbers = (number("lease"), number("margin"), number("renew"));
        if let ((Some(lease), Some(margin), Some(renew)), 3) =
            (numbers, text.split_whitespace().count())
        {
            return Self::custom(lease, margin, renew);
        }
        let names = PRESETS.map(|preset| preset.name).join(", ");
        Err(FailoverError(format!(
            "it is one of {names}, or numbers such as `lease=600ms margin=100ms renew=120ms`"
        )))
    }
}

impl fmt::Display for Failover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            lease,
            margin,
            renew,
        } = self;
        write!(
            f,
            "lease {lease:?}, margin {margin:?}, renewed every {renew:?}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_keep_their_own_rules() {
        for Preset { name, .. } in PRESETS {
            let preset = Failover::named(name).unwrap();
            let custom = Failover::custom(preset.lease, preset.margin, preset.renew);
            assert_eq!(custom, Ok(preset), "{name}");
            assert_eq!(preset.held() + preset.margin, preset.lease);
        }
        assert_eq!(Failover::named("quick"), None);
        assert_eq!(Failover::default(), Failover::balanced());
    }

    #[test]
    fn texts() {
        let read = |text: &str| text.parse::<Failover>();
        assert_eq!(read(" aggressive "), Ok(Failover::aggressive()));
        let own = read("lease=600ms  margin=100ms renew=120ms");
        assert_eq!(own, Ok(Failover::aggressive()));
        for (text, word) in [
            ("", "balanced"),
            ("quick", "ride-through"),
            ("lease=600ms margin=100ms", "numbers such as"),
            (
                "lease=600ms margin=100ms renew=120ms more=1",
                "numbers such as",
            ),
            ("lease=600 margin=100ms renew=120ms", "numbers such as"),
            ("lease=600ms margin=9ms renew=120ms", "at least 100ms"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn what_no_leader_could_keep_is_refused_with_the_rule() {
        for (lease, margin, renew, word) in [
            (600, 100, 120, ""),
            (600, 99, 120, "margin"),
            (600, 600, 1, "margin"),
            (240, 49, 20, "margin"),
            (240, 50, 20, ""),
            (600, 100, 125, ""),
            (600, 100, 126, "renewal"),
            (600, 100, 0, "renewal"),
            (0, 0, 0, "margin"),
            (60_000, 10_000, 1000, ""),
            (60_001, 11_000, 1000, "60 s"),
        ] {
            let [lease, margin, renew] = [lease, margin, renew].map(Duration::from_millis);
            let made = Failover::custom(lease, margin, renew);
            match made {
                Ok(_) => assert_eq!(word, "", "{lease:?} {margin:?} {renew:?}"),
                Err(error) => assert!(
                    !word.is_empty() && error.to_string().contains(word),
                    "{error}"
                ),
            }
        }
    }
}
