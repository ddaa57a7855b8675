//! What stands under the key of a group: JSON, with everything the election needs and what people
//! and tools want to know. Times in it are for people; nothing compares them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::event::Claim;
use super::rules::PRESETS;
use crate::model::KvEntry;

/// The record of a leader.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LeaderRecord {
    pub(crate) instance_id: String,
    boot: String,
    term: u64,
    epoch: Option<u64>,
    lease_ms: u64,
    nonce: String,
    state: State,
    pub(crate) elected_at: String,
    pub(crate) last_heartbeat: String,
    pub(crate) metadata: Map<String, Value>,
}

/// Who leads a group of a service, as its record says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leader {
    /// The service.
    pub service: String,
    /// The group.
    pub group: String,
    /// The instance.
    pub instance: String,
    /// The fencing token of its leadership.
    pub epoch: u64,
    /// How long others wait for it when it says nothing.
    pub lease: Duration,
    /// It has given its leadership up, and nobody has taken it yet.
    pub released: bool,
    /// When it began, by its own clock (RFC 3339).
    pub elected_at: String,
    /// When the server took the last renewal, by the server's clock.
    pub renewed_at: OffsetDateTime,
}

impl Leader {
    /// Reads an entry of the bucket of leaders; none if it is another kind of entry.
    pub(crate) fn read(entry: &KvEntry) -> Option<Self> {
        let key = entry.key.text().strip_suffix(".leader")?;
        let (service, group) = key.split_once('.')?;
        let record = LeaderRecord::read(&entry.value);
        let claim = record.claim();
        Some(Self {
            service: service.to_owned(),
            group: group.to_owned(),
            epoch: record.epoch(entry.revision),
            lease: claim.lease,
            released: claim.released,
            elected_at: record.elected_at,
            renewed_at: entry.created,
            instance: record.instance_id,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Held,
    Released,
}

impl Default for LeaderRecord {
    /// What is assumed of a record that does not say it: it is held, for as long as the longest
    /// preset.
    fn default() -> Self {
        let longest = PRESETS.map(|preset| preset.millis[0]);
        Self {
            instance_id: String::new(),
            boot: String::new(),
            term: 0,
            epoch: None,
            lease_ms: longest.into_iter().max().unwrap_or_default(),
            nonce: String::new(),
            state: State::Held,
            elected_at: String::new(),
            last_heartbeat: String::new(),
            metadata: Map::new(),
        }
    }
}

impl LeaderRecord {
    /// The record of a claim.
    pub(crate) fn new(claim: &Claim) -> Self {
        Self {
            boot: format!("{:016x}", claim.boot),
            term: claim.term,
            epoch: claim.epoch,
            lease_ms: u64::try_from(claim.lease.as_millis()).unwrap_or(u64::MAX),
            nonce: format!("{:016x}", claim.nonce),
            state: if claim.released {
                State::Released
            } else {
                State::Held
            },
            ..Self::default()
        }
    }

    /// Reads what stands there. What cannot be read is a leader nothing is known of: it is waited
    /// for as for any other.
    pub(crate) fn read(value: &[u8]) -> Self {
        serde_json::from_slice(value).unwrap_or_default()
    }

    /// What the election needs of it.
    pub(crate) fn claim(&self) -> Claim {
        let number = |text: &str| u64::from_str_radix(text, 16).unwrap_or(0);
        Claim {
            boot: number(&self.boot),
            term: self.term,
            epoch: self.epoch,
            nonce: number(&self.nonce),
            // A record that says more would lock everybody out.
            lease: Duration::from_millis(self.lease_ms).min(Duration::from_secs(60)),
            released: self.state == State::Released,
        }
    }

    /// The epoch: the revision of the write that won it.
    pub(crate) fn epoch(&self, revision: u64) -> u64 {
        self.epoch.unwrap_or(revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim() -> Claim {
        Claim {
            boot: u64::MAX,
            term: 3,
            epoch: Some(7),
            nonce: 1,
            lease: Duration::from_millis(900),
            released: false,
        }
    }

    #[test]
    fn a_claim_comes_back() {
        let released = Claim {
            epoch: None,
            released: true,
            ..claim()
        };
        for claim in [claim(), released] {
            let written = serde_json::to_vec(&LeaderRecord::new(&claim)).unwrap();
            assert_eq!(LeaderRecord::read(&written).claim(), claim);
        }
    }

    #[test]
    fn what_cannot_be_read_is_a_leader_that_is_waited_for() {
        for text in [
            "",
            "no json",
            "[]",
            "{}",
            "{\"lease_ms\":\"x\"}",
            "{\"instance_id\":\"a\"}",
        ] {
            let claim = LeaderRecord::read(text.as_bytes()).claim();
            assert!(!claim.released && claim.boot == 0, "{text}");
            assert_eq!(claim.lease, Duration::from_secs(12), "{text}");
        }
        let absurd = LeaderRecord::read(b"{\"lease_ms\":18446744073709551615}").claim();
        assert_eq!(absurd.lease, Duration::from_secs(60));
        assert_eq!(LeaderRecord::read(b"{\"epoch\":5}").epoch(9), 5);
        assert_eq!(LeaderRecord::read(b"{}").epoch(9), 9);
    }
}
