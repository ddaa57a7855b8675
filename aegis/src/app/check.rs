//! What is wrong with a configuration as a whole.

use std::time::Duration;

use super::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::model::MISSED;

/// Longer times are mistakes, and more than some clocks can add.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);
/// Oftener would load the registry for nothing.
const SHORTEST_HEARTBEAT: Duration = Duration::from_millis(100);
/// Readers believe no longer one.
const LONGEST_HEARTBEAT: Duration = Duration::from_secs(3600);

impl Config {
    /// Tells every mistake at once.
    pub(super) fn check(&self) -> Result<()> {
        let mut mistakes = self.mistakes.clone();
        mistakes.extend(self.contradictions());
        if mistakes.is_empty() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Config,
            format!(
                "the configuration is wrong:\n  - {}",
                mistakes.join("\n  - ")
            ),
        ))
    }

    fn contradictions(&self) -> Vec<String> {
        let ways = [
            (
                self.user.is_some() || self.password.is_some(),
                "user and password",
            ),
            (self.token.is_some(), "token"),
            (self.nkey.is_some(), "nkey"),
            (self.credentials_file.is_some(), "credentials_file"),
        ];
        let used: Vec<&str> = ways.iter().filter(|way| way.0).map(|way| way.1).collect();
        let mut found = Vec::new();
        if used.len() > 1 {
            found.push(format!(
                "only one way to log in can be used, not {}",
                used.join(" and ")
            ));
        }
        if self.user.is_some() != self.password.is_some() {
            found.push("`nats.user` and `nats.password` go together".to_owned());
        }
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            found.push("`nats.tls_cert` and `nats.tls_key` go together".to_owned());
        }
        let times = [
            (self.call_timeout, "call_timeout"),
            (self.connect_timeout, "connect_timeout"),
            (self.ping_interval, "nats.ping_interval"),
            (self.heartbeat, "registry.heartbeat"),
        ];
        let zero = times.iter().filter(|time| time.0.is_zero());
        found.extend(zero.map(|time| format!("`{}` must be longer than 0", time.1)));
        let drain = (self.drain_timeout, "drain_timeout");
        let long = times.iter().chain([&drain]).filter(|time| time.0 > LONGEST);
        found.extend(long.map(|time| format!("`{}` must be at most 365 days", time.1)));
        found.extend(self.life());
        found
    }

    /// Heartbeats, and the life of a record.
    fn life(&self) -> Option<String> {
        let heartbeat = self.heartbeat;
        if !heartbeat.is_zero() && !(SHORTEST_HEARTBEAT..=LONGEST_HEARTBEAT).contains(&heartbeat) {
            return Some("`registry.heartbeat` is 100ms to 1h".to_owned());
        }
        let ttl = self.instance_ttl?;
        let least = heartbeat * MISSED;
        let (ttl, least) = (
            (ttl < least).then_some(ttl)?,
            humantime::format_duration(least),
        );
        Some(format!(
            "`registry.ttl` = {} is too short: it is at least {MISSED} heartbeats, {least}",
            humantime::format_duration(ttl)
        ))
    }

    /// How long a record lives without a heartbeat.
    pub(super) fn record_ttl(&self) -> Duration {
        self.instance_ttl.unwrap_or(self.heartbeat * MISSED)
    }

    /// Whether everything stays in this process.
    pub(super) fn is_memory(&self) -> bool {
        matches!(self.target, super::config::Target::Memory(_))
    }
}
