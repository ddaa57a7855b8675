use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::app::config::Target;
use crate::app::settings::{self, LogFormat};
use crate::error::Result;

fn load(file: &str, env: &[(&str, &str)]) -> Result<Config> {
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), file).unwrap();
    let path = path.path().display().to_string();
    let (config, right) = settings::read(Config::default(), &|name| {
        let of_file = [("AEGIS_CONFIG", path.as_str())];
        let mut pairs = env.iter().chain(&of_file);
        let found = pairs.find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    });
    right.map(|()| config)
}

fn is_auto(config: &Config) -> bool {
    matches!(config.target, Target::Auto)
}

#[test]
fn each_profile_has_its_defaults() {
    let seconds = |number| Duration::from_secs(number);
    for (name, auto, format, connect, drain, replicas) in [
        ("local", false, LogFormat::Pretty, 10, 5, None),
        ("docker", true, LogFormat::Pretty, 30, 8, None),
        ("kubernetes", true, LogFormat::Json, 60, 25, None),
        ("production", false, LogFormat::Json, 60, 25, Some(3)),
    ] {
        let config = load("", &[("AEGIS_PROFILE", name)]).unwrap();
        assert_eq!(is_auto(&config), auto, "{name}");
        assert_eq!(config.telling.log_format, format, "{name}");
        assert_eq!(config.connect_timeout, seconds(connect), "{name}");
        assert_eq!(config.drain_timeout, seconds(drain), "{name}");
        assert_eq!(config.replicas.all, replicas, "{name}");
        let page = cfg!(feature = "http") && name == "kubernetes";
        assert_eq!(config.telling.http.is_some(), page, "{name}");
        let profile: Profile = name.parse().unwrap();
        assert_eq!(profile.to_string(), name);
        let in_code = Config::default().profile(profile);
        assert_eq!(format!("{in_code:?}"), format!("{config:?}"), "{name}");
    }
}

#[test]
fn what_is_said_wins_over_a_profile() {
    let file = "profile = 'kubernetes'\ndrain_timeout = '7s'\n";
    let config = load(file, &[]).unwrap();
    assert!(is_auto(&config) && config.telling.log_format == LogFormat::Json);
    assert_eq!(config.drain_timeout, Duration::from_secs(7));
    let env = [("AEGIS_LOG_FORMAT", "pretty"), ("NATS_URL", "nats://a:1")];
    let config = load(file, &env).unwrap();
    assert!(!is_auto(&config) && config.telling.log_format == LogFormat::Pretty);
    let config = load(file, &[("AEGIS_PROFILE", "production")]).unwrap();
    assert!(!is_auto(&config), "the environment names the profile");
    assert_eq!(config.drain_timeout, Duration::from_secs(7));
    assert_eq!(config.replicas.all, Some(3));
}

#[test]
fn what_is_no_profile_is_told() {
    let text = load("profile = 'prod'", &[]).unwrap_err().to_string();
    let way = "`profile` = \"prod\" (in ";
    assert!(text.contains(way), "{text}");
    let text = load("", &[("AEGIS_PROFILE", "k8s")]).unwrap_err();
    let way = "(from AEGIS_PROFILE): it is `local`, `docker`, `kubernetes` or `production`";
    assert!(text.to_string().contains(way), "{text}");
}

/// The table of profiles in `docs/configuration.md` says what the code does.
#[test]
fn the_documentation_has_the_table_of_profiles() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    lines.find(|line| line.starts_with("| setting | `local`"));
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    let mut documented = BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row
            .split('|')
            .map(|cell| cell.trim_matches([' ', '`']))
            .collect();
        for (name, value) in ["local", "docker", "kubernetes", "production"]
            .iter()
            .zip(&cells[2..])
        {
            if !value.is_empty() {
                documented.insert((*name, cells[1].to_owned()), (*value).to_owned());
            }
        }
    }
    let mut real = BTreeMap::new();
    for name in ["local", "docker", "kubernetes", "production"] {
        let profile: Profile = name.parse().unwrap();
        for (key, value) in profile.defaults() {
            real.insert((name, key.to_owned()), value.to_owned());
        }
    }
    assert_eq!(documented, real);
}
