//! What a program serves, as it says of itself: before it runs, or in its records.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::grammar;
use crate::model::instance::Instance;

/// What a program serves, and under which settings, so that its permissions can be told without it.
///
/// [`App::manifest`](crate::App::manifest) makes it, its JSON is what `aegis permissions --manifest`
/// reads, and [`of_instance`](Self::of_instance) reads it from a record in the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    /// Its services.
    pub services: Vec<ServiceManifest>,
    /// Its `subject_prefix`; empty for none.
    #[serde(default)]
    pub subject_prefix: String,
    /// Its `nats.micro_prefix`.
    #[serde(default = "micro")]
    pub micro_prefix: String,
    /// Its `nats.inbox_prefix`.
    #[serde(default = "inbox")]
    pub inbox_prefix: String,
    /// Whether it announces itself (`registry.enabled`).
    #[serde(default = "yes")]
    pub registry: bool,
    /// Whether its services answer `health` and `metrics` (`builtin_rpcs`).
    #[serde(default = "yes")]
    pub builtin_rpcs: bool,
}

/// One service of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceManifest {
    /// Its name.
    pub name: String,
    /// The group whose instances have one leader; none if nothing of it is exclusive.
    #[serde(default)]
    pub group: Option<String>,
    /// Its handlers.
    #[serde(default)]
    pub handlers: Vec<HandlerManifest>,
}

/// One handler of a service, as far as its permissions depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HandlerManifest {
    /// Its name.
    pub name: String,
    /// `rpc`, `exclusive_rpc`, `subscribe` or `command`.
    pub kind: String,
    /// Of a handler for events `compete`, `broadcast` or `exclusive`.
    #[serde(default)]
    pub mode: Option<String>,
    /// Where it listens, with the prefix; the patterns of a handler for events with blanks between.
    #[serde(default)]
    pub subject: String,
    /// How long it may take, if it says.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}

fn micro() -> String {
    "$SRV".to_owned()
}

fn inbox() -> String {
    "_INBOX".to_owned()
}

fn yes() -> bool {
    true
}

impl Manifest {
    /// That of a program with the default settings.
    pub(crate) fn new(services: Vec<ServiceManifest>) -> Self {
        Self {
            services,
            subject_prefix: String::new(),
            micro_prefix: micro(),
            inbox_prefix: inbox(),
            registry: true,
            builtin_rpcs: true,
        }
    }

    /// What a record in the registry tells of its service; what cannot be is left out. Of the settings it tells none: they are
    /// the default ones until they are said.
    pub fn of_instance(instance: &Instance) -> Self {
        let handlers = instance.metadata.get("handlers").and_then(Value::as_array);
        let handlers = handlers.into_iter().flatten();
        let handlers = handlers.filter_map(HandlerManifest::read);
        let is_name = |name: &&String| grammar::service(name).is_ok();
        let group = instance.sticky_active_group.clone();
        let service = Some(&instance.service).filter(is_name);
        let service = service.map(|name| ServiceManifest {
            name: name.clone(),
            group: group.filter(|group| is_name(&group)),
            handlers: handlers.filter(is_handler).collect(),
        });
        Self::new(service.into_iter().collect())
    }

    /// Reads one: what [`App::manifest`](crate::App::manifest) prints, or the record of an instance
    /// as it stands in the registry.
    ///
    /// Errors: with what is wrong, for people.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if value.get("services").is_none()
            && let Ok(instance) = serde_json::from_value::<Instance>(value.clone())
        {
            return Ok(Self::of_instance(&instance)).and_then(checked);
        }
        let manifest: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
        checked(manifest)
    }
}

/// Names become parts of subjects: those of a stranger are checked once, here.
fn checked(manifest: Manifest) -> Result<Manifest, String> {
    for service in &manifest.services {
        let names = [Some(&service.name), service.group.as_ref()];
        for name in names.into_iter().flatten() {
            grammar::service(name)
                .map_err(|fault| format!("the service or group {name:?} {}", fault.text()))?;
        }
        if let Some(wrong) = service.handlers.iter().find(|one| !is_handler(one)) {
            return Err(format!("the handler {:?} is none", wrong.name));
        }
    }
    Ok(manifest)
}

fn is_handler(handler: &HandlerManifest) -> bool {
    // It stands in what is printed.
    let modes = [None, Some("compete"), Some("broadcast"), Some("exclusive")];
    if !modes.contains(&handler.mode.as_deref()) {
        return false;
    }
    let mut patterns = handler.subjects();
    grammar::method(&handler.name).is_ok() && patterns.all(|one| grammar::pattern(one).is_ok())
}

impl ServiceManifest {
    pub(crate) fn new(name: &str, group: Option<&str>, handlers: Vec<HandlerManifest>) -> Self {
        Self {
            name: name.to_owned(),
            group: group.map(str::to_owned),
            handlers,
        }
    }
}

impl HandlerManifest {
    /// Reads one of the list that a service tells of itself.
    pub(crate) fn read(row: &Value) -> Option<Self> {
        serde_json::from_value(row.clone()).ok()
    }

    /// Where it listens, one by one.
    pub(super) fn subjects(&self) -> impl Iterator<Item = &str> {
        self.subject.split_ascii_whitespace()
    }
}

impl fmt::Display for Manifest {
    /// As JSON, to be read by people and by [`parse`](Self::parse).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string_pretty(self).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}
