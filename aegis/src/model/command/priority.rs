//! How urgent a command is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How urgent a command is: a waiting one of a higher priority starts first.
///
/// A lower one does not wait for ever: after ten starts of higher ones that passed it over, it is
/// its turn.
///
/// ```
/// use aegis::Priority;
///
/// assert!(Priority::Critical > Priority::Low);
/// assert_eq!("high".parse(), Ok(Priority::High));
/// assert!("urgent".parse::<Priority>().is_err());
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// What can wait.
    Low,
    /// The default.
    #[default]
    Normal,
    /// Before the usual.
    High,
    /// Before everything else.
    Critical,
}

/// A text that names no priority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no priority {0:?}: it is `low`, `normal`, `high` or `critical`")]
pub struct PriorityError(String);

impl Priority {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Normal, Self::Low];

    /// As it stands in subjects and settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Its place in [`ALL`](Self::ALL).
    pub(crate) fn lane(self) -> usize {
        match self {
            Self::Critical => 0,
            Self::High => 1,
            Self::Normal => 2,
            Self::Low => 3,
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Priority {
    type Err = PriorityError;

    /// Without regard to case.
    fn from_str(text: &str) -> Result<Self, PriorityError> {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|one| one.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| PriorityError(text.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_have_names_and_an_order() {
        for (at, one) in Priority::ALL.into_iter().enumerate() {
            assert_eq!(one.lane(), at);
            assert_eq!(one.name().parse(), Ok(one));
            let json = serde_json::to_value(one).unwrap();
            assert_eq!(json, one.name());
        }
        assert!(Priority::ALL.is_sorted_by(|one, next| one > next));
        assert_eq!("HIGH".parse(), Ok(Priority::High));
        for text in ["", "urgent", "5"] {
            let error = text.parse::<Priority>().unwrap_err().to_string();
            assert!(error.contains("`low`, `normal`"), "{error}");
        }
    }
}
