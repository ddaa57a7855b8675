//! Variables of the environment that look like settings and are none: misspelt, they would change
//! nothing, and nobody would hear of it.

use super::config::Config;
use super::{near, settings};

const PREFIX: &str = "AEGIS_";
/// As many are told.
const MOST: usize = 20;

/// Those of the tests and of the tools, which are no settings of a program.
fn is_elsewhere(name: &str) -> bool {
    name.starts_with("AEGIS_TEST_") || name == "AEGIS_NATS_SERVER"
}

/// What is to be said of each name that is no setting. Values are not looked at.
pub(super) fn among(names: impl Iterator<Item = String>) -> Vec<String> {
    let ours = names.filter(|name| name.starts_with(PREFIX) && !is_elsewhere(name));
    let unknown = ours.filter(|name| !settings::variables().any(|known| known == name));
    let mut unknown: Vec<String> = unknown.take(MOST).collect();
    unknown.sort();
    unknown.iter().map(|name| told(name)).collect()
}

fn told(name: &str) -> String {
    // What all of them begin with is no likeness.
    let rest = name.strip_prefix(PREFIX).unwrap_or(name);
    let known = settings::variables().filter_map(|known| known.strip_prefix(PREFIX));
    let near = near::name(rest, known);
    match near {
        Some(known) => format!("{name} is no setting: did you mean {PREFIX}{known}?"),
        None => format!("{name} is no setting: docs/configuration.md lists all"),
    }
}

impl Config {
    /// Warns of variables that change nothing.
    pub(super) fn tell_strangers(&self) {
        for text in &self.strangers {
            tracing::warn!("{text}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_no_setting_is_told_with_the_one_that_is_near() {
        for (rest, expected) in [
            ("EVENT_MAX_AGE", Some("did you mean AEGIS_EVENTS_MAX_AGE?")),
            ("NATS_URI", Some("did you mean AEGIS_NATS_URL?")),
            ("CONFG", Some("did you mean AEGIS_CONFIG?")),
            ("LGO", Some("did you mean AEGIS_LOG?")),
            ("FOO", Some("docs/configuration.md lists all")),
            ("COLOUR_OF_SKY", Some("docs/configuration.md lists all")),
            ("EVENTS_MAX_AGE", None),
            ("CONFIG", None),
            ("TEST_URL", None),
        ] {
            let name = format!("AEGIS_{rest}");
            let expected = expected.map(|way| format!("{name} is no setting: {way}"));
            let found = among(std::iter::once(name.clone()));
            assert!(found.iter().eq(expected.iter()), "{name}: {found:?}");
        }
        let others = ["NATS_URI", "PATH", ""].map(str::to_owned);
        assert!(among(others.into_iter()).is_empty());
    }
}
