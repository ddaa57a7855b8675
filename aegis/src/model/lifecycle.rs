//! The states of a service's process, and the ways between them.

use std::fmt;

/// Where a running program stands.
///
/// ```text
/// INITIALIZING -> STARTING -> STARTED -> STOPPING -> STOPPED
///                     |          |           |
///                     +----------+-----------+--> FAILED
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lifecycle {
    /// Put together, not started.
    Initializing,
    /// Connects, runs `#[on_start]`, subscribes.
    Starting,
    /// Serves.
    Started,
    /// Takes nothing new, finishes what runs.
    Stopping,
    /// Ended as it should.
    Stopped,
    /// Could not start, or could not end as it should.
    Failed,
}

/// A step that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a service that is {from} cannot become {to}")]
pub struct IllegalTransition {
    /// The state it is in.
    pub from: Lifecycle,
    /// The state it was asked to enter.
    pub to: Lifecycle,
}

impl Lifecycle {
    /// The next state, if there is a way.
    pub fn enter(self, to: Self) -> Result<Self, IllegalTransition> {
        let legal = matches!(
            (self, to),
            (Self::Initializing, Self::Starting)
                | (Self::Starting, Self::Started | Self::Failed)
                | (Self::Started, Self::Stopping | Self::Failed)
                | (Self::Stopping, Self::Stopped | Self::Failed)
        );
        if legal {
            Ok(to)
        } else {
            Err(IllegalTransition { from: self, to })
        }
    }

    /// Whether nothing follows any more.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Stopped | Self::Failed)
    }
}

impl fmt::Display for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initializing => "INITIALIZING",
            Self::Starting => "STARTING",
            Self::Started => "STARTED",
            Self::Stopping => "STOPPING",
            Self::Stopped => "STOPPED",
            Self::Failed => "FAILED",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Lifecycle::{Failed, Initializing, Started, Starting, Stopped, Stopping};

    #[test]
    fn only_the_drawn_ways_exist() {
        let all = [Initializing, Starting, Started, Stopping, Stopped, Failed];
        let legal = [
            (Initializing, Starting),
            (Starting, Started),
            (Starting, Failed),
            (Started, Stopping),
            (Started, Failed),
            (Stopping, Stopped),
            (Stopping, Failed),
        ];
        for from in all {
            for to in all {
                assert_eq!(
                    from.enter(to).is_ok(),
                    legal.contains(&(from, to)),
                    "{from} -> {to}"
                );
            }
            assert_eq!(
                from.is_over(),
                all.iter().all(|to| from.enter(*to).is_err())
            );
        }
        let error = Stopped.enter(Started).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a service that is STOPPED cannot become STARTED"
        );
    }
}
