//! The version of a NATS server, and what it can do.

use std::fmt;

/// `major.minor.patch`; what follows (`-RC.1`) counts as the release itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServerVersion(u32, u32, u32);

impl ServerVersion {
    /// Earlier ones can lose a stream when they are killed.
    pub(crate) const FLOOR: Self = Self(2, 10, 23);
    /// A time to live per key, with markers for what expired.
    pub(crate) const KEY_TTL: Self = Self(2, 11, 2);
    /// A write that depends on another key; 2.11.0 to 2.11.6 skip the check now and then.
    pub(crate) const FENCED_WRITES: Self = Self(2, 11, 7);
    /// Several writes in one step.
    pub(crate) const ATOMIC_BATCHES: Self = Self(2, 12, 0);

    /// Reads what a server calls itself.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('v');
        let release = text.split(['-', '+']).next()?;
        let mut parts = release.split('.').map(|part| part.parse().ok());
        let version = Self(parts.next()??, parts.next()??, parts.next()??);
        parts.next().is_none().then_some(version)
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        for (text, expected) in [
            ("2.10.23", Some((2, 10, 23))),
            ("v2.12.8", Some((2, 12, 8))),
            ("2.14.0-RC.1", Some((2, 14, 0))),
            ("2.11.0-dev+7", Some((2, 11, 0))),
            ("2.10", None),
            ("2.10.1.2", None),
            ("", None),
            ("two", None),
        ] {
            let expected = expected.map(|(major, minor, patch)| ServerVersion(major, minor, patch));
            assert_eq!(ServerVersion::parse(text), expected, "{text:?}");
        }
        for (text, enough) in [
            ("2.9.25", false),
            ("2.10.22", false),
            ("2.10.23", true),
            ("2.11.0", true),
            ("3.0.0", true),
        ] {
            let version = ServerVersion::parse(text).unwrap();
            assert_eq!(version >= ServerVersion::FLOOR, enough, "{text}");
        }
    }
}
