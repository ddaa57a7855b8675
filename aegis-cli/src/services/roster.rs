//! Everybody at one moment: the registry and the instances themselves, asked at the same time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aegis::{Client, DiscoveryMode, Instance, ServiceInfo};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::view::{Asked, Known, View, one_leader};

/// The longest wait for the registry, if answers are not collected for longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Everybody who was found.
#[derive(Debug)]
pub(super) struct Roster {
    pub(super) server: String,
    /// Sorted by service and id.
    pub(super) views: Vec<View>,
    /// Why the registry could not be asked.
    registry: Option<String>,
    /// Why the instances could not be asked.
    instances: Option<String>,
}

/// The shape of `--json`.
#[derive(Debug, Serialize)]
pub(super) struct Json<'a> {
    server: &'a str,
    registry: Source<'a>,
    instances: Source<'a>,
    services: Vec<Service<'a>>,
}

#[derive(Debug, Serialize)]
struct Source<'a> {
    available: bool,
    error: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Service<'a> {
    name: &'a str,
    instances: Vec<&'a View>,
}

impl Roster {
    /// Asks both; an error only if neither could be asked.
    pub(super) async fn ask(client: &Client, wait: Duration) -> aegis::Result<Self> {
        let (records, infos) = tokio::join!(records(client, wait), client.services(wait));
        if let (Err(error), Err(_)) = (&records, &infos) {
            return Err(error.clone());
        }
        let asked = Asked {
            registry: records.is_ok(),
            instances: infos.is_ok(),
        };
        let (registry, instances) = (told(&records), told(&infos));
        Ok(Self {
            server: client.server(),
            views: merged(
                &records.unwrap_or_default(),
                &infos.unwrap_or_default(),
                asked,
            ),
            registry,
            instances,
        })
    }

    /// One line for each source that could not be asked.
    pub(super) fn unasked(&self) -> impl Iterator<Item = String> {
        let registry = self.registry.iter().map(|error| without_registry(error));
        let instances = self.instances.iter().map(|error| {
            format!("The instances cannot be asked ({error}): these are those of the registry.")
        });
        registry.chain(instances)
    }

    pub(super) fn json(&self) -> Json<'_> {
        let mut services: Vec<Service<'_>> = Vec::new();
        for view in &self.views {
            match services.last_mut() {
                Some(service) if service.name == view.service => service.instances.push(view),
                _ => services.push(Service {
                    name: &view.service,
                    instances: vec![view],
                }),
            }
        }
        let source = |error: &'_ Option<String>| error.is_none();
        Json {
            server: &self.server,
            registry: Source {
                available: source(&self.registry),
                error: self.registry.as_deref(),
            },
            instances: Source {
                available: source(&self.instances),
                error: self.instances.as_deref(),
            },
            services,
        }
    }
}

/// What is said if only the instances themselves can be asked.
pub(super) fn without_registry(error: &str) -> String {
    format!("The registry cannot be asked ({error}): these are the instances that answer.")
}

async fn records(client: &Client, wait: Duration) -> aegis::Result<Vec<Arc<Instance>>> {
    let discovery = client.discovery(DiscoveryMode::Basic);
    let wait = wait.max(PATIENCE);
    match tokio::time::timeout(wait, discovery.everybody()).await {
        Ok(found) => Ok(found?.to_vec()),
        Err(_) => Err(late()),
    }
}

pub(super) fn late() -> aegis::Error {
    let text = "it did not answer in time";
    aegis::Error::new(aegis::ErrorKind::Timeout, text)
}

fn told<T>(outcome: &aegis::Result<T>) -> Option<String> {
    outcome.as_ref().err().map(ToString::to_string)
}

fn merged(records: &[Arc<Instance>], infos: &[ServiceInfo], asked: Asked) -> Vec<View> {
    let now = OffsetDateTime::now_utc();
    let mut known: BTreeMap<(&str, &str), Known<'_>> = BTreeMap::new();
    for record in records {
        let one = Known {
            record: Some(&**record),
            age: age(&record.last_heartbeat, now),
            info: None,
        };
        known.insert((&record.service, &record.id), one);
    }
    for info in infos {
        let nobody = Known {
            record: None,
            age: None,
            info: None,
        };
        let one = known.entry((&info.name, &info.id)).or_insert(nobody);
        one.info = Some(info);
    }
    let views = known.into_values();
    let mut views: Vec<View> = views.filter_map(|known| View::of(known, asked)).collect();
    one_leader(&mut views);
    views
}

/// How long ago a heartbeat was, by the clocks of two computers: for people.
fn age(heartbeat: &str, now: OffsetDateTime) -> Option<Duration> {
    let heard = OffsetDateTime::parse(heartbeat, &Rfc3339).ok()?;
    // A clock ahead of ours makes it a heartbeat of this moment.
    Some(Duration::try_from(now - heard).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_is_as_old_as_two_clocks_say() {
        let at = |text| OffsetDateTime::parse(text, &Rfc3339).unwrap();
        let now = at("2026-01-01T00:00:10Z");
        for (heartbeat, seconds) in [
            ("2026-01-01T00:00:07Z", Some(3)),
            ("2026-01-01T02:00:07+02:00", Some(3)),
            ("2026-01-01T00:00:11Z", Some(0)),
            ("soon", None),
            ("", None),
        ] {
            let age = age(heartbeat, now).map(|age| age.as_secs());
            assert_eq!(age, seconds, "{heartbeat}");
        }
    }
}
