//! Where settings come from: one table of keys, for the file and for the environment alike.

use std::path::PathBuf;
use std::time::Duration;

use super::address::{inbox_prefix, url};
use super::config::Config;
use super::{near, telling};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Codec, Failover, InstanceId, Subject};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object per line.
    Json,
}

pub(super) type Apply = fn(&mut Config, &str) -> Result<(), String>;

/// One setting: its key in the file, its names in the environment (the first that is set counts).
pub(super) struct Setting {
    key: &'static str,
    env: &'static [&'static str],
    /// Its value is never shown.
    secret: bool,
    apply: Apply,
}

pub(super) const fn open(key: &'static str, env: &'static [&'static str], apply: Apply) -> Setting {
    Setting {
        key,
        env,
        secret: false,
        apply,
    }
}

pub(super) const fn secret(
    key: &'static str,
    env: &'static [&'static str],
    apply: Apply,
) -> Setting {
    Setting {
        key,
        env,
        secret: true,
        apply,
    }
}

const SETTINGS: &[Setting] = &[
    secret("nats.url", &["AEGIS_NATS_URL", "NATS_URL"], url),
    open("nats.user", &["AEGIS_NATS_USER"], |config, text| {
        keep(&mut config.user, text)
    }),
    secret("nats.password", &["AEGIS_NATS_PASSWORD"], |config, text| {
        keep(&mut config.password, text)
    }),
    secret("nats.token", &["AEGIS_NATS_TOKEN"], |config, text| {
        keep(&mut config.token, text)
    }),
    secret("nats.nkey", &["AEGIS_NATS_NKEY"], |config, text| {
        keep(&mut config.nkey, text)
    }),
    open(
        "nats.credentials_file",
        &["AEGIS_NATS_CREDENTIALS_FILE"],
        |config, text| file(&mut config.credentials_file, text),
    ),
    open("nats.tls", &["AEGIS_NATS_TLS"], |config, text| {
        switch(text).map(|on| config.tls_required = on)
    }),
    open("nats.tls_ca", &["AEGIS_NATS_TLS_CA"], |config, text| {
        file(&mut config.tls_ca, text)
    }),
    open("nats.tls_cert", &["AEGIS_NATS_TLS_CERT"], |config, text| {
        file(&mut config.tls_cert, text)
    }),
    open("nats.tls_key", &["AEGIS_NATS_TLS_KEY"], |config, text| {
        file(&mut config.tls_key, text)
    }),
    open(
        "nats.inbox_prefix",
        &["AEGIS_NATS_INBOX_PREFIX"],
        inbox_prefix,
    ),
    open(
        "nats.ping_interval",
        &["AEGIS_NATS_PING_INTERVAL"],
        |config, text| time(text).map(|time| config.ping_interval = time),
    ),
    open(
        "nats.micro_prefix",
        &["AEGIS_NATS_MICRO_PREFIX"],
        |config, text| {
            let root = Subject::parse(text).map_err(|error| error.to_string())?;
            config.micro_root = Some(root);
            Ok(())
        },
    ),
    open("instance_id", &["AEGIS_INSTANCE_ID"], |config, text| {
        config.instance = Some(InstanceId::parse(text).map_err(|error| error.to_string())?);
        Ok(())
    }),
    open("source", &["AEGIS_SOURCE"], |config, text| {
        let visible = text.chars().all(|c| c.is_ascii_graphic());
        if text.is_empty() || text.len() > 128 || !visible {
            return Err("it is 1 to 128 visible ASCII characters".to_owned());
        }
        keep(&mut config.source, text)
    }),
    open("codec", &["AEGIS_CODEC"], |config, text| {
        config.codec = Codec::parse(text).ok_or("it is `json` or `msgpack`")?;
        Ok(())
    }),
    open("envelope", &["AEGIS_ENVELOPE"], |config, text| {
        switch(text).map(|on| config.envelope = on)
    }),
    open(
        "subject_prefix",
        &["AEGIS_SUBJECT_PREFIX"],
        |config, text| {
            if !text.is_empty() {
                Subject::parse(text).map_err(|error| error.to_string())?;
            }
            text.clone_into(&mut config.prefix);
            Ok(())
        },
    ),
    open("builtin_rpcs", &["AEGIS_BUILTIN_RPCS"], |config, text| {
        switch(text).map(|on| config.telling.builtin_rpcs = on)
    }),
    open(
        "http.address",
        &["AEGIS_HTTP_ADDRESS"],
        telling::http_address,
    ),
    open("metrics", &["AEGIS_METRICS"], |config, text| {
        switch(text).map(|on| config.telling.metrics = on)
    }),
    open(
        "registry.enabled",
        &["AEGIS_REGISTRY_ENABLED"],
        |config, text| switch(text).map(|on| config.registry = on),
    ),
    open(
        "registry.heartbeat",
        &["AEGIS_REGISTRY_HEARTBEAT"],
        |config, text| time(text).map(|time| config.heartbeat = time),
    ),
    open("registry.ttl", &["AEGIS_REGISTRY_TTL"], |config, text| {
        time(text).map(|time| config.instance_ttl = Some(time))
    }),
    open(
        "leader.failover",
        &["AEGIS_LEADER_FAILOVER"],
        |config, text| {
            let failover = text.parse::<Failover>();
            config.failover = Some(failover.map_err(|error| error.to_string())?);
            Ok(())
        },
    ),
    open(
        "leader.replicas",
        &["AEGIS_LEADER_REPLICAS"],
        |config, text| {
            let servers = text
                .parse()
                .ok()
                .filter(|servers| (1..=5).contains(servers));
            config.leader_replicas = Some(servers.ok_or("it is 1 to 5 servers")?);
            Ok(())
        },
    ),
    open("log", &["AEGIS_LOG", "RUST_LOG"], |config, text| {
        super::log::check(text)?;
        text.clone_into(&mut config.telling.log);
        Ok(())
    }),
    open("log_format", &["AEGIS_LOG_FORMAT"], |config, text| {
        config.telling.log_format = match text {
            "pretty" => LogFormat::Pretty,
            "json" => LogFormat::Json,
            _ => return Err("it is `pretty` or `json`".to_owned()),
        };
        Ok(())
    }),
    open("call_timeout", &["AEGIS_CALL_TIMEOUT"], |config, text| {
        time(text).map(|time| config.call_timeout = time)
    }),
    open(
        "connect_timeout",
        &["AEGIS_CONNECT_TIMEOUT"],
        |config, text| time(text).map(|time| config.connect_timeout = time),
    ),
    open("drain_timeout", &["AEGIS_DRAIN_TIMEOUT"], |config, text| {
        time(text).map(|time| config.drain_timeout = time)
    }),
];

/// Every variable that is a setting.
pub(super) fn variables() -> impl Iterator<Item = &'static str> {
    let names = all().flat_map(|setting| setting.env).copied();
    names.chain(["AEGIS_CONFIG"])
}

/// Every setting there is.
fn all() -> impl Iterator<Item = &'static Setting> {
    SETTINGS
        .iter()
        .chain(super::replica_settings::SETTINGS)
        .chain(super::stream_settings::SETTINGS)
        .chain(super::command_settings::SETTINGS)
        .chain(super::locate_settings::SETTINGS)
        .chain(super::collector::SETTINGS)
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it stands in the table beside those that can fail"
)]
fn keep(slot: &mut Option<String>, text: &str) -> Result<(), String> {
    *slot = Some(text.to_owned());
    Ok(())
}

pub(super) fn file(slot: &mut Option<PathBuf>, text: &str) -> Result<(), String> {
    let path = PathBuf::from(text);
    if !path.is_file() {
        return Err("there is no such file".to_owned());
    }
    *slot = Some(path);
    Ok(())
}

pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("it is `true` or `false`".to_owned()),
    }
}

pub(super) fn time(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "it is a time such as `500ms`, `2s` or `5m`".into())
}

/// Sets one setting; the mistake says where its value came from.
pub(super) fn set(
    config: &mut Config,
    key: &'static str,
    text: &str,
    source: &str,
) -> Result<(), String> {
    match all().find(|setting| setting.key == key) {
        Some(setting) => apply(config, setting, text, source),
        None => Err(format!("there is no setting `{key}`")),
    }
}

fn apply(config: &mut Config, setting: &Setting, text: &str, source: &str) -> Result<(), String> {
    let set = (setting.apply)(config, text);
    if set.is_ok() {
        config.replicas.said(setting.key, source);
    }
    set.map_err(|mistake| {
        let shown = if setting.secret {
            String::new()
        } else {
            format!(" = {:?}", text.chars().take(80).collect::<String>())
        };
        format!("`{}`{shown} ({source}): {mistake}", setting.key)
    })
}

/// Reads the file and the environment. What could be read counts beside mistakes too: it says how
/// they are to be told.
pub(super) fn read(
    mut config: Config,
    env: &dyn Fn(&str) -> Option<String>,
) -> (Config, Result<()>) {
    // Deployments set variables to nothing when there is nothing to say.
    let said = |name| env(name).filter(|text| !text.is_empty());
    let mut mistakes = Vec::new();
    let named = said("AEGIS_CONFIG");
    let path = PathBuf::from(named.as_deref().unwrap_or("aegis.toml"));
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            String::new()
        }
        Err(error) => {
            mistakes.push(format!("{} cannot be read: {error}", path.display()));
            String::new()
        }
    };
    // The defaults of a profile come before all that is said.
    if let Some(profile) = super::profile::said(said("AEGIS_PROFILE"), &text) {
        config = config.profile(profile);
    }
    from_file(
        &mut config,
        &text,
        &path.display().to_string(),
        &mut mistakes,
    );
    for setting in all() {
        let found = setting
            .env
            .iter()
            .find_map(|name| Some((name, said(name)?)));
        if let Some((name, text)) = found
            && let Err(mistake) = apply(&mut config, setting, &text, &format!("from {name}"))
        {
            mistakes.push(mistake);
        }
    }
    let right = if mistakes.is_empty() {
        config.check()
    } else {
        let mistakes = mistakes.join("\n  - ");
        let text = format!("the configuration is wrong:\n  - {mistakes}");
        Err(Error::new(ErrorKind::Config, text))
    };
    (config, right)
}

fn from_file(config: &mut Config, text: &str, path: &str, mistakes: &mut Vec<String>) {
    let table: toml::Table = match toml::from_str(text) {
        Ok(table) => table,
        // The error's own text would quote the line, which may hold a secret.
        Err(error) => {
            let line = error
                .span()
                .map_or(0, |span| text[..span.start].lines().count().max(1));
            return mistakes.push(format!("{path}, line {line}: {}", error.message()));
        }
    };
    let mut values = Vec::new();
    flatten("", &table, &mut values);
    let mut is_unlike_all = false;
    for (key, value) in values {
        let Some(setting) = all().find(|setting| setting.key == key) else {
            let near = near::key(&key, all().map(|setting| setting.key));
            is_unlike_all |= near.is_none();
            let meant = near.map(|near| format!(": did you mean `{near}`?"));
            let meant = meant.unwrap_or_default();
            mistakes.push(format!("`{key}` (in {path}) is no setting{meant}"));
            continue;
        };
        if let Err(mistake) = apply(config, setting, &value, &format!("in {path}")) {
            mistakes.push(mistake);
        }
    }
    if is_unlike_all {
        let keys: Vec<&str> = all().map(|setting| setting.key).collect();
        mistakes.push(format!("the settings are {}", keys.join(", ")));
    }
}

fn flatten(before: &str, table: &toml::Table, values: &mut Vec<(String, String)>) {
    for (key, value) in table {
        let key = if before.is_empty() {
            key.clone()
        } else {
            format!("{before}.{key}")
        };
        match value {
            toml::Value::Table(table) => flatten(&key, table, values),
            toml::Value::String(text) => values.push((key, text.clone())),
            other => values.push((key, other.to_string())),
        }
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
