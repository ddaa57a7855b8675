//! Profiles: sets of defaults for a kind of place. Whatever is said elsewhere wins.

use std::fmt;
use std::str::FromStr;

use super::config::Config;

/// A set of defaults for a kind of place; `docs/configuration.md` has the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// A person's machine.
    Local,
    /// A container, together with others.
    Docker,
    /// A pod of any cluster.
    Kubernetes,
    /// Where it counts, wherever that is.
    Production,
}

/// A text that is no profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is `local`, `docker`, `kubernetes` or `production`")]
pub struct ProfileError;

/// What each profile says.
const DEFAULTS: &[(&str, &[(Profile, &str)])] = &[
    (
        "nats.url",
        &[(Profile::Docker, "auto"), (Profile::Kubernetes, "auto")],
    ),
    (
        "log_format",
        &[(Profile::Kubernetes, "json"), (Profile::Production, "json")],
    ),
    (
        "connect_timeout",
        &[
            (Profile::Docker, "30s"),
            (Profile::Kubernetes, "1m"),
            (Profile::Production, "1m"),
        ],
    ),
    (
        "drain_timeout",
        &[
            (Profile::Local, "5s"),
            (Profile::Docker, "8s"),
            (Profile::Kubernetes, "25s"),
            (Profile::Production, "25s"),
        ],
    ),
    ("http.address", &[(Profile::Kubernetes, "0.0.0.0:8080")]),
    ("nats.replicas", &[(Profile::Production, "3")]),
];

impl Profile {
    /// Its name, as in the setting `profile`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Docker => "docker",
            Self::Kubernetes => "kubernetes",
            Self::Production => "production",
        }
    }

    /// The settings that it says, with their values.
    pub(super) fn defaults(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        DEFAULTS.iter().filter_map(move |(key, values)| {
            let (_, value) = values.iter().find(|(profile, _)| *profile == self)?;
            Some((*key, *value))
        })
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Profile {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, ProfileError> {
        let all = [
            Self::Local,
            Self::Docker,
            Self::Kubernetes,
            Self::Production,
        ];
        let found = all.into_iter().find(|one| one.name() == text);
        found.ok_or(ProfileError)
    }
}

/// The profile that the environment names, else the file. What is no profile is told where all
/// settings are read.
pub(super) fn said(variable: Option<String>, file: &str) -> Option<Profile> {
    let in_file = || {
        let table: toml::Table = toml::from_str(file).ok()?;
        Some(table.get("profile")?.as_str()?.to_owned())
    };
    variable.or_else(in_file)?.parse().ok()
}

impl Config {
    /// The defaults of a profile. It changes what was set before, so it stands first:
    /// `Config::load_over(Config::default().profile(Profile::Production))`.
    #[must_use]
    pub fn profile(self, profile: Profile) -> Self {
        let defaults = profile.defaults();
        // Without its feature there is no such setting to speak of.
        let known = |key: &str| key != "http.address" || cfg!(feature = "http");
        let defaults = defaults.filter(|(key, _)| known(key));
        let source = format!("from the profile `{profile}`");
        defaults.fold(self, |config, (key, value)| {
            config.set_from(key, value, &source)
        })
    }
}

#[cfg(test)]
#[path = "profile_tests.rs"]
mod tests;
