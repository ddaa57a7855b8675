//! Whether an instance can do its work: what it says itself, and what is seen from outside.

use std::time::Duration;

use super::instance::InstanceStatus;

/// What a `#[health]` hook says.
///
/// ```
/// use aegis::Health;
///
/// let full = true;
/// let health = if full { Health::unhealthy("the disk is full") } else { Health::healthy() };
/// assert_eq!(health.reason(), Some("the disk is full"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    reason: Option<String>,
}

impl Health {
    /// The service can do its work.
    pub fn healthy() -> Self {
        Self::default()
    }

    /// It cannot do its work well. It still serves who calls it, but is not chosen any more; the
    /// reason stands in its record, at most 256 characters.
    pub fn unhealthy(reason: impl Into<String>) -> Self {
        let reason: String = reason.into().chars().take(256).collect();
        Self {
            reason: Some(reason),
        }
    }

    /// Why it is not healthy; none if it is.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Whether the service can do its work.
    pub fn is_healthy(&self) -> bool {
        self.reason.is_none()
    }
}

/// So that a check can end in `?`: an error is its reason.
impl<E: std::fmt::Display> From<Result<(), E>> for Health {
    fn from(checked: Result<(), E>) -> Self {
        match checked {
            Ok(()) => Self::healthy(),
            Err(error) => Self::unhealthy(error.to_string()),
        }
    }
}

/// What is known of an instance at one heartbeat.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signs {
    /// It stops.
    pub(crate) draining: bool,
    /// The connection that calls come through is there.
    pub(crate) connected: bool,
    /// Subscriptions that the server refuses.
    pub(crate) refused: Option<String>,
    /// How long a task has waited for a thread to run on.
    pub(crate) lag: Duration,
    /// A handler that has heard nothing of the server for so long, although it should.
    pub(crate) deaf: Option<(String, Duration)>,
    /// Calls that ended since the last heartbeats, and those among them that failed by no fault of
    /// their caller.
    pub(crate) calls: u64,
    pub(crate) faults: u64,
    /// What the service's own hook said; none if it did not end in time.
    pub(crate) hook: Option<Health>,
    /// Another instance does the exclusive work.
    pub(crate) standby: bool,
}

/// A task that waits longer for a thread is one of a blocked executor.
const LONGEST_LAG: Duration = Duration::from_secs(1);
/// The server says every 5 s that it has no events.
const LONGEST_SILENCE: Duration = Duration::from_secs(20);
/// Fewer calls tell nothing about the share that fails.
const FEWEST_CALLS: u64 = 20;

/// The status that stands in the record, and why.
pub(crate) fn judge(signs: &Signs) -> (InstanceStatus, Option<String>) {
    if signs.draining {
        return (InstanceStatus::Shutdown, None);
    }
    let reason = if !signs.connected {
        Some("its connection to NATS is lost".to_owned())
    } else if let Some(refused) = &signs.refused {
        Some(format!(
            "NATS refuses its subscription on {refused}: grant it, it is tried again"
        ))
    } else if signs.lag >= LONGEST_LAG {
        let lag = signs.lag.as_secs_f64();
        Some(format!(
            "busy: a task waits {lag:.1} s for a thread to run on"
        ))
    } else if let Some((handler, time)) = &signs.deaf
        && *time >= LONGEST_SILENCE
    {
        let seconds = time.as_secs();
        Some(format!(
            "its handler {handler} has got no events, and no sign of the server, for {seconds} s"
        ))
    } else if signs.calls >= FEWEST_CALLS && signs.faults * 2 > signs.calls {
        Some(format!(
            "{} of its last {} calls failed",
            signs.faults, signs.calls
        ))
    } else {
        match &signs.hook {
            None => Some("its `#[health]` hook does not end".to_owned()),
            Some(health) => health.reason.clone(),
        }
    };
    match reason {
        Some(reason) => (InstanceStatus::Unhealthy, Some(reason)),
        None if signs.standby => (InstanceStatus::Standby, None),
        None => (InstanceStatus::Active, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well() -> Signs {
        Signs {
            connected: true,
            hook: Some(Health::healthy()),
            ..Signs::default()
        }
    }

    #[test]
    fn the_worst_sign_decides() {
        use InstanceStatus::{Active, Shutdown, Standby, Unhealthy};
        type Change = fn(&mut Signs);
        let rows: [(Change, InstanceStatus, &str); 14] = [
            (|_| {}, Active, ""),
            (|signs| signs.standby = true, Standby, ""),
            (
                |signs| (signs.draining, signs.connected) = (true, false),
                Shutdown,
                "",
            ),
            (|signs| signs.connected = false, Unhealthy, "connection"),
            (
                |signs| signs.refused = Some("rpc.a.b".to_owned()),
                Unhealthy,
                "rpc.a.b",
            ),
            (
                |signs| signs.lag = Duration::from_secs(3),
                Unhealthy,
                "3.0 s",
            ),
            (|signs| signs.lag = Duration::from_millis(500), Active, ""),
            (
                |signs| signs.deaf = Some(("bill".to_owned(), Duration::from_secs(20))),
                Unhealthy,
                "bill has got no events",
            ),
            (
                |signs| signs.deaf = Some(("bill".to_owned(), Duration::from_secs(19))),
                Active,
                "",
            ),
            (
                |signs| (signs.calls, signs.faults) = (20, 11),
                Unhealthy,
                "11 of its last 20",
            ),
            (|signs| (signs.calls, signs.faults) = (20, 10), Active, ""),
            (|signs| (signs.calls, signs.faults) = (19, 19), Active, ""),
            (|signs| signs.hook = None, Unhealthy, "does not end"),
            (
                |signs| {
                    (signs.hook, signs.standby) = (Some(Health::unhealthy("full")), true);
                },
                Unhealthy,
                "full",
            ),
        ];
        for (change, status, why) in rows {
            let mut signs = well();
            change(&mut signs);
            let (judged, reason) = judge(&signs);
            assert_eq!(judged, status, "{signs:?}");
            assert_eq!(reason.is_some(), status == Unhealthy, "{signs:?}");
            assert!(reason.unwrap_or_default().contains(why), "{signs:?}");
        }
    }

    #[test]
    fn a_result_is_a_health() {
        assert_eq!(Health::from(Ok::<(), String>(())), Health::healthy());
        assert_eq!(Health::from(Err("no disk")), Health::unhealthy("no disk"));
        assert_eq!(
            Health::unhealthy("x".repeat(1000)).reason().unwrap().len(),
            256
        );
    }
}
