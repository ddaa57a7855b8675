//! Ports for servers: below the range from which systems choose ports of outgoing connections, and
//! reserved by a lock, so that a killed server finds its port free when it comes back.

use std::collections::hash_map::RandomState;
use std::fs::{self, File, TryLockError};
use std::hash::BuildHasher;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use crate::testing::binary::{ServerError, cache_folder};

const FIRST: u16 = 20_000;
const COUNT: u16 = 4_000;

/// A port for one server, reserved against all other tests until it is dropped.
#[derive(Debug)]
pub(super) struct Port {
    number: u16,
    _lock: Option<File>,
}

impl Port {
    /// Reserves a port that nobody uses.
    pub(super) fn free() -> Result<Self, ServerError> {
        let folder = cache_folder().join("ports");
        fs::create_dir_all(&folder).map_err(|cause| {
            let text = format!(
                "cannot create {}: set XDG_CACHE_HOME to a writable folder",
                folder.display()
            );
            ServerError::new(text).because(cause)
        })?;
        // The random start keeps parallel test processes from asking for the same ports in turn.
        candidates(RandomState::new().hash_one(0_u8))
            .find_map(|number| reserve(&folder, number))
            .ok_or_else(|| ServerError::new("no port is free: end some nats-servers or tests"))
    }

    /// The port that the caller named; nothing reserves it.
    pub(super) fn fixed(number: u16) -> Self {
        Self {
            number,
            _lock: None,
        }
    }

    /// Fails if somebody listens on the port: a foreign server there would be taken for ours.
    pub(super) fn check(&self) -> Result<(), ServerError> {
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, self.number));
        bound.map(drop).map_err(|cause| {
            let number = self.number;
            let text =
                format!("cannot listen on port {number}: end what uses it or choose another");
            ServerError::new(text).because(cause)
        })
    }

    pub(super) fn number(&self) -> u16 {
        self.number
    }
}

fn candidates(seed: u64) -> impl Iterator<Item = u16> {
    let start = u16::try_from(seed % u64::from(COUNT)).unwrap_or_default();
    (0..COUNT).map(move |step| FIRST + (start + step) % COUNT)
}

fn reserve(folder: &Path, number: u16) -> Option<Port> {
    let lock = File::create(folder.join(number.to_string())).ok()?;
    // On a file system without locks the check below has to do; `start` tries again if it misses.
    if let Err(TryLockError::WouldBlock) = lock.try_lock() {
        return None;
    }
    let port = Port {
        number,
        _lock: Some(lock),
    };
    port.check().is_ok().then_some(port)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{COUNT, FIRST, candidates, reserve};

    #[test]
    fn every_seed_visits_every_port_once() {
        for seed in [0, 1, 3_999, 4_000, u64::MAX] {
            let ports: BTreeSet<_> = candidates(seed).collect();
            assert_eq!(ports.len(), usize::from(COUNT), "{seed}");
            assert_eq!(ports.first(), Some(&FIRST), "{seed}");
        }
    }

    #[test]
    fn a_port_is_reserved_once_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let (number, held) = candidates(0)
            .find_map(|n| Some((n, reserve(folder.path(), n)?)))
            .unwrap();
        assert!(reserve(folder.path(), number).is_none());
        drop(held);
        assert!(reserve(folder.path(), number).is_some());
    }
}
