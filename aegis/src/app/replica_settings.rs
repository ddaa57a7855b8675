//! On how many servers of a cluster what the framework makes is kept: one setting for all of it.
//!
//! What says more of one thing (`events.replicas`, `leader.replicas` ..) wins. Streams that exist are
//! changed to it; buckets that exist stay as they are.

use std::collections::BTreeMap;

use super::config::Config;
use super::settings::{Setting, open};
use super::stream_settings::servers;
use crate::client::StreamSettings;
use crate::model::{Replicas, ServerFacts};

/// What is `None` is not asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct ReplicaSettings {
    /// Of everything that says nothing else.
    pub(super) all: Option<u8>,
    pub(super) registry: Option<u8>,
    /// Who said it, by the setting.
    sources: BTreeMap<&'static str, String>,
}

impl ReplicaSettings {
    /// Notes where the value of a setting came from, if it is one of these.
    pub(super) fn said(&mut self, key: &'static str, source: &str) {
        if key.ends_with(".replicas") {
            self.sources.insert(key, source.to_owned());
        }
    }
}

/// On how many servers a setting asks to keep something, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AskedReplicas {
    /// The setting, such as `nats.replicas`.
    pub setting: &'static str,
    /// 1 to 5.
    pub servers: u8,
    /// Where its value comes from: `from AEGIS_NATS_REPLICAS`, `in aegis.toml`,
    /// ``from the profile `production` ``, `in code`.
    pub source: String,
}

pub(super) const SETTINGS: &[Setting] = &[
    open("nats.replicas", &["AEGIS_NATS_REPLICAS"], |config, text| {
        servers(text).map(|servers| {
            config.replicas.all = Some(servers);
        })
    }),
    open(
        "registry.replicas",
        &["AEGIS_REGISTRY_REPLICAS"],
        |config, text| servers(text).map(|servers| config.replicas.registry = Some(servers)),
    ),
];

impl Config {
    /// On how many servers of a NATS cluster everything is kept that the framework makes, 1 to 5,
    /// where nothing else is said: streams, buckets, the registry, the records of leaders. Default 1.
    ///
    /// Streams that exist are changed to it; buckets that exist stay as they are, and `aegis doctor`
    /// names them.
    #[must_use]
    pub fn replicas(self, servers: u8) -> Self {
        self.set("nats.replicas", &servers.to_string())
    }

    /// On how many servers of a NATS cluster the registry is kept, 1 to 5; default what
    /// [`replicas`](Self::replicas) says, else 1. Only the first program that needs it can say it.
    #[must_use]
    pub fn registry_replicas(self, servers: u8) -> Self {
        self.set("registry.replicas", &servers.to_string())
    }

    /// Warns if nothing can be made on so many servers, before something that is needed later shows it.
    pub(super) fn tell_alone(&self, server: Option<&ServerFacts>) {
        if let Some(text) = server.and_then(|server| self.alone(server)) {
            tracing::warn!("{text}");
        }
    }

    fn alone(&self, server: &ServerFacts) -> Option<String> {
        if server.cluster.is_some() {
            return None;
        }
        let asked = self.asked_replicas();
        let AskedReplicas {
            setting,
            servers,
            source,
        } = asked.into_iter().find(|asked| asked.servers > 1)?;
        Some(format!(
            "`{setting}` is {servers} ({source}), and the NATS server {} is alone: streams and buckets \
             that are not there yet cannot be made; set `{setting}` to 1, or connect to a cluster",
            server.name
        ))
    }

    /// On how many servers the settings ask to keep things, one entry for each setting that says it. A
    /// server that is alone, or a cluster with fewer, refuses what asks for more; `aegis doctor`
    /// compares them.
    pub fn asked_replicas(&self) -> Vec<AskedReplicas> {
        let asked = [
            ("nats.replicas", self.replicas.all),
            ("events.replicas", self.streams.replicas),
            ("commands.replicas", self.streams.commands.replicas),
            ("leader.replicas", self.leader_replicas),
            ("registry.replicas", self.replicas.registry),
        ];
        let source = |setting| self.replicas.sources.get(setting).cloned();
        let said = asked.into_iter().filter_map(|(setting, servers)| {
            Some(AskedReplicas {
                setting,
                servers: servers?,
                source: source(setting).unwrap_or_default(),
            })
        });
        said.collect()
    }

    /// The same of the records of leaders, and of the results of exclusive work.
    pub(super) fn leader_servers(&self) -> Replicas {
        Replicas {
            asked: self.leader_replicas,
            if_new: self.replicas.all,
        }
    }

    /// How the framework's streams are set up.
    pub(super) fn stream_settings(&self) -> StreamSettings {
        let mut settings = self.streams.clone();
        settings.replicas = settings.replicas.or(self.replicas.all);
        settings.commands.replicas = settings.commands.replicas.or(self.replicas.all);
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::profile::Profile;

    #[test]
    fn who_asks_for_servers_is_known() {
        let profile = Config::default().profile(Profile::Production);
        let env = |name: &str| match name {
            "AEGIS_NATS_REPLICAS" => Some("2".to_owned()),
            _ => None,
        };
        let (variable, right) = crate::app::settings::read(profile.clone(), &env);
        right.unwrap();
        for (config, servers, source) in [
            (profile, 3, "from the profile `production`"),
            (variable, 2, "from AEGIS_NATS_REPLICAS"),
            (Config::default().replicas(5), 5, "in code"),
        ] {
            let asked = AskedReplicas {
                setting: "nats.replicas",
                servers,
                source: source.to_owned(),
            };
            assert_eq!(config.asked_replicas(), [asked]);
        }
        assert_eq!(Config::default().asked_replicas(), []);
    }

    #[test]
    fn a_server_that_is_alone_is_told_where_more_are_asked_for() {
        let server = |cluster: Option<&str>| ServerFacts {
            name: "n1".to_owned(),
            version: "2.12.0".to_owned(),
            cluster: cluster.map(str::to_owned),
            jetstream: true,
            max_payload: 1 << 20,
        };
        let production = || Config::default().profile(Profile::Production);
        let by_profile = "`nats.replicas` is 3 (from the profile `production`), and the NATS server n1 is alone: ";
        for (config, cluster, expected) in [
            (Config::default(), None, None),
            (Config::default().replicas(1), None, None),
            (production(), Some("c"), None),
            (production(), None, Some(by_profile)),
            (production().replicas(1), None, None),
            (
                production().replicas(5),
                None,
                Some("`nats.replicas` is 5 (in code), and the NATS server n1 is alone: "),
            ),
        ] {
            let told = config.alone(&server(cluster));
            assert_eq!(told.is_some(), expected.is_some(), "{told:?}");
            let begins = |text: &str| text.starts_with(expected.unwrap_or_default());
            assert!(told.as_deref().is_none_or(begins), "{told:?}");
        }
    }

    #[test]
    fn one_setting_is_for_all_that_says_nothing_else() {
        let config = Config::default();
        assert_eq!(config.stream_settings().replicas, None);
        assert_eq!(config.leader_servers(), Replicas::default());
        let config = config.replicas(3).events_replicas(5).leader_replicas(1);
        let settings = config.stream_settings();
        assert_eq!(
            (settings.replicas, settings.commands.replicas),
            (Some(5), Some(3))
        );
        let leaders = Replicas {
            asked: Some(1),
            if_new: Some(3),
        };
        assert_eq!(config.leader_servers(), leaders);
        let asked = config.asked_replicas();
        let asked: Vec<_> = asked.iter().map(|one| (one.setting, one.servers)).collect();
        let said = [
            ("nats.replicas", 3),
            ("events.replicas", 5),
            ("leader.replicas", 1),
        ];
        assert_eq!(asked, said);
        let text = config.replicas(6).check().unwrap_err().to_string();
        assert!(text.contains("`nats.replicas` = \"6\""), "{text}");
    }
}
