//! What is shown of an instance: its record in the registry and its own answer, as one.

use std::collections::BTreeMap;
use std::time::Duration;

use aegis::{EndpointInfo, Instance, ServiceInfo};
use serde::Serialize;
use serde_json::{Map, Value};

/// Metadata that the framework writes, and that is shown in other words.
const OWN: [&str; 9] = [
    "start_time",
    "handlers",
    "load",
    "reason",
    "heartbeat_ms",
    "ttl_ms",
    "boot",
    "description",
    "leader",
];

/// One instance, as it is shown and as `--json` writes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct View {
    pub(super) service: String,
    pub(super) id: String,
    pub(super) version: String,
    /// As in its record; of one without, the state that it tells itself; none if it tells none.
    pub(super) status: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) leader: bool,
    /// Whether it has a record; none if the registry could not be asked.
    pub(super) registered: Option<bool>,
    /// Whether it answered `$SRV.INFO`; none if that could not be asked.
    pub(super) answered: Option<bool>,
    pub(super) heartbeat_age_ms: Option<u64>,
    pub(super) load: Option<Load>,
    pub(super) description: String,
    pub(super) started: Option<String>,
    pub(super) metadata: Map<String, Value>,
    pub(super) methods: Vec<Method>,
    /// Tells one process from another with the same id.
    #[serde(skip)]
    pub(super) boot: Option<String>,
    /// For which it leads, if it does, or may.
    #[serde(skip)]
    pub(super) group: Option<String>,
    /// Of its leadership, if it says that it leads.
    #[serde(skip)]
    pub(super) epoch: Option<u64>,
}

/// Of several that say they lead one group, the one with the highest epoch does: the record of one
/// that was killed says so until it runs out.
pub(super) fn one_leader(views: &mut [View]) {
    let group = |view: &View| (view.service.clone(), view.group.clone());
    let mut newest: BTreeMap<_, Option<u64>> = BTreeMap::new();
    for view in views.iter().filter(|view| view.leader) {
        let epoch = newest.entry(group(view)).or_default();
        *epoch = view.epoch.max(*epoch);
    }
    for view in views.iter_mut().filter(|view| view.leader) {
        view.leader = newest.get(&group(view)) == Some(&view.epoch);
    }
}

/// Whether one record claims to lead a group that another one leads since.
pub(super) fn is_outdone(view: &View, by: &Instance) -> bool {
    let facts = &by.metadata;
    view.service == by.service
        && view.group == by.sticky_active_group
        && facts.get("leader") == Some(&Value::Bool(true))
        && facts.get("epoch").and_then(Value::as_u64) > view.epoch
}

/// How busy it was at its last heartbeat.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Load {
    pub(super) in_flight: u64,
    pub(super) requests_per_second: f64,
    pub(super) errors_per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) lag_ms: f64,
}

/// One method, or one handler for commands or events.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Method {
    pub(super) name: String,
    /// `rpc`, `exclusive_rpc`, `subscribe`; none if it is not told.
    pub(super) kind: Option<String>,
    /// Which instances get an event: `compete`, `broadcast`, `exclusive`; none of a method.
    pub(super) mode: Option<String>,
    /// `(a: i64) -> Result<i64, Failure>`; of one that is not in the registry, the names of its
    /// arguments; none if not even those are known.
    pub(super) signature: Option<String>,
    pub(super) description: String,
    /// Of a handler for events a pattern, or several with a blank between them.
    pub(super) subject: String,
    pub(super) timeout_ms: Option<u64>,
    pub(super) idempotent: bool,
}

/// What is known of one instance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) record: Option<&'a Instance>,
    /// How long ago the instance was heard.
    pub(super) age: Option<Duration>,
    pub(super) info: Option<&'a ServiceInfo>,
}

/// Who could be asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) registry: bool,
    pub(super) instances: bool,
}

impl View {
    /// Both sources as one; none if neither knows the instance.
    pub(super) fn of(known: Known<'_>, asked: Asked) -> Option<Self> {
        let mut view = match (known.record, known.info) {
            (Some(record), _) => Self::of_record(record),
            (None, Some(info)) => Self::of_info(info),
            (None, None) => return None,
        };
        view.registered = asked.registry.then_some(known.record.is_some());
        view.answered = asked.instances.then_some(known.info.is_some());
        view.heartbeat_age_ms = known.age.map(millis);
        if let (Some(_), Some(info)) = (known.record, known.info) {
            view.complete(info);
        }
        Some(view)
    }

    fn of_record(record: &Instance) -> Self {
        let facts = &record.metadata;
        let text = |key: &str| facts.get(key).and_then(Value::as_str).map(str::to_owned);
        let of_service = facts.iter().filter(|(key, _)| !OWN.contains(&key.as_str()));
        let handlers = facts.get("handlers").and_then(Value::as_array);
        let methods = handlers.into_iter().flatten().filter_map(Method::of_row);
        Self {
            service: record.service.clone(),
            id: record.id.clone(),
            version: record.version.clone(),
            status: Some(record.status.to_string()),
            reason: record.reason().map(str::to_owned),
            leader: facts.get("leader") == Some(&Value::Bool(true)),
            registered: None,
            answered: None,
            heartbeat_age_ms: None,
            load: facts.contains_key("load").then(|| Load::of(record)),
            description: text("description").unwrap_or_default(),
            started: text("start_time"),
            metadata: of_service.map(|(k, v)| (k.clone(), v.clone())).collect(),
            methods: methods.collect(),
            boot: text("boot"),
            group: record.sticky_active_group.clone(),
            epoch: facts.get("epoch").and_then(Value::as_u64),
        }
    }

    fn of_info(info: &ServiceInfo) -> Self {
        let of_service = info
            .metadata
            .iter()
            .filter(|(key, _)| !key.starts_with("aegis."));
        Self {
            service: info.name.clone(),
            id: info.id.clone(),
            version: info.version.clone(),
            status: info.metadata.get("aegis.state").cloned(),
            reason: None,
            leader: false,
            registered: None,
            answered: None,
            heartbeat_age_ms: None,
            load: None,
            description: info.description.clone(),
            started: None,
            metadata: of_service
                .map(|(k, v)| (k.clone(), v.clone().into()))
                .collect(),
            methods: info.endpoints.iter().map(Method::of_endpoint).collect(),
            boot: None,
            group: None,
            epoch: None,
        }
    }

    /// Adds what the instance's own answer tells more: whole descriptions, and the methods if the
    /// record lists none.
    fn complete(&mut self, info: &ServiceInfo) {
        if self.description.is_empty() {
            self.description.clone_from(&info.description);
        }
        if self.methods.is_empty() {
            self.methods = info.endpoints.iter().map(Method::of_endpoint).collect();
            return;
        }
        for method in &mut self.methods {
            let named = info.endpoints.iter().find(|end| end.name == method.name);
            if let Some(text) = named.and_then(|end| end.metadata.get("description")) {
                method.description.clone_from(text);
            }
        }
    }

    /// Whether anything differs but how busy it is, and when and by whom it was heard.
    pub(super) fn differs(&self, other: &Self) -> bool {
        let lasting = |view: &Self| {
            let mut view = view.clone();
            (view.load, view.heartbeat_age_ms, view.answered) = (None, None, None);
            // What only the own answer tells comes later than the record.
            view.description.clear();
            for method in &mut view.methods {
                method.description.clear();
            }
            view
        };
        lasting(self) != lasting(other)
    }
}

impl Load {
    fn of(record: &Instance) -> Self {
        let load = record.load();
        Self {
            in_flight: load.in_flight,
            requests_per_second: load.requests_per_second,
            errors_per_second: load.errors_per_second,
            p50_ms: load.p50_ms,
            p99_ms: load.p99_ms,
            lag_ms: load.lag_ms,
        }
    }
}

impl Method {
    /// Whether it is of this kind.
    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }

    fn of_row(row: &Value) -> Option<Self> {
        let text = |key: &str| row.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            name: text("name")?,
            kind: text("kind"),
            mode: text("mode"),
            signature: text("signature"),
            description: text("description").unwrap_or_default(),
            subject: text("subject").unwrap_or_default(),
            timeout_ms: row.get("timeout_ms").and_then(Value::as_u64),
            idempotent: row.get("idempotent") == Some(&Value::Bool(true)),
        })
    }

    fn of_endpoint(endpoint: &EndpointInfo) -> Self {
        let fact = |key: &str| endpoint.metadata.get(key).map(String::as_str);
        let arguments = fact("aegis.arguments").map(|names| names.replace(',', ", "));
        Self {
            name: endpoint.name.clone(),
            kind: fact("aegis.kind").map(str::to_owned),
            mode: None,
            signature: arguments.map(|names| format!("({names})")),
            description: fact("description").unwrap_or_default().to_owned(),
            subject: endpoint.subject.clone(),
            timeout_ms: fact("aegis.timeout_ms").and_then(|text| text.parse().ok()),
            idempotent: fact("aegis.idempotent") == Some("true"),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(metadata: &Value) -> Instance {
        serde_json::from_value(json!({
            "serviceName": "desk", "instanceId": "a", "version": "1.0.0",
            "status": "ACTIVE", "metadata": metadata,
        }))
        .unwrap()
    }

    fn info() -> ServiceInfo {
        serde_json::from_value(json!({
            "name": "desk", "id": "a", "version": "1.0.0", "description": "All of it.",
            "metadata": {"aegis.state": "STARTED", "zone": "b"},
            "endpoints": [{"name": "add", "subject": "rpc.desk.add",
                "metadata": {"aegis.arguments": "a,b", "aegis.timeout_ms": "2000",
                    "description": "Adds.\nSlowly."}},
                {"name": "bare", "subject": "x"}],
        }))
        .unwrap()
    }

    const BOTH: Asked = Asked {
        registry: true,
        instances: true,
    };

    fn view(record: Option<&Instance>, info: Option<&ServiceInfo>, asked: Asked) -> View {
        let age = None;
        View::of(Known { record, age, info }, asked).unwrap()
    }

    #[test]
    fn two_sources_are_one_instance() {
        let handlers = json!([{"name": "add", "signature": "(a: i64, b: i64) -> i64",
            "subject": "rpc.desk.add", "description": "Adds.", "timeout_ms": 2000}]);
        let facts = json!({"handlers": handlers, "leader": true, "team": "core", "boot": "1",
            "load": {"requests_per_second": 2.5}});
        let both = view(Some(&record(&facts)), Some(&info()), BOTH);
        assert_eq!(both.status.as_deref(), Some("ACTIVE"));
        assert!(both.leader);
        assert_eq!((both.registered, both.answered), (Some(true), Some(true)));
        assert_eq!(Value::Object(both.metadata), json!({"team": "core"}));
        assert_eq!(both.description, "All of it.");
        let [add] = &both.methods[..] else {
            panic!("one method: {:?}", both.methods)
        };
        assert_eq!(add.description, "Adds.\nSlowly.");
        assert_eq!(add.signature.as_deref(), Some("(a: i64, b: i64) -> i64"));
        assert!((both.load.unwrap().requests_per_second - 2.5).abs() < f64::EPSILON);
    }

    #[test]
    fn one_source_alone_says_so() {
        let alone = view(None, Some(&info()), BOTH);
        assert_eq!(
            (alone.registered, alone.answered),
            (Some(false), Some(true))
        );
        assert_eq!(alone.status.as_deref(), Some("STARTED"));
        assert_eq!(alone.methods[0].signature.as_deref(), Some("(a, b)"));
        assert_eq!(alone.methods[1].signature, None);
        assert_eq!(Value::Object(alone.metadata), json!({"zone": "b"}));
        let silent = view(Some(&record(&json!({}))), None, BOTH);
        assert_eq!(
            (silent.registered, silent.answered),
            (Some(true), Some(false))
        );
        let unasked = Asked {
            registry: false,
            instances: true,
        };
        assert_eq!(view(None, Some(&info()), unasked).registered, None);
    }

    #[test]
    fn the_highest_epoch_of_a_group_leads() {
        for (records, leading) in [
            (&[("main", Some(7)), ("main", Some(9))][..], &[1][..]),
            (&[("main", Some(9)), ("main", None)], &[0]),
            (&[("main", Some(7)), ("other", Some(9))], &[0, 1]),
            (&[("main", None)], &[0]),
        ] {
            let led = records.iter().map(|(group, epoch)| {
                let mut led = record(&json!({"leader": true, "epoch": epoch}));
                led.sticky_active_group = Some((*group).to_owned());
                view(Some(&led), None, BOTH)
            });
            let mut views: Vec<View> = led.collect();
            one_leader(&mut views);
            let stars = (0..views.len()).filter(|at| views[*at].leader);
            assert_eq!(stars.collect::<Vec<_>>(), leading, "{records:?}");
        }
    }

    #[test]
    fn load_and_words_alone_are_no_change() {
        let quiet = view(Some(&record(&json!({"load": {"p99_ms": 1}}))), None, BOTH);
        let busy = view(Some(&record(&json!({"load": {"p99_ms": 2}}))), None, BOTH);
        assert!(!quiet.differs(&busy));
        let led = view(Some(&record(&json!({"leader": true}))), None, BOTH);
        assert!(led.differs(&quiet));
        assert!(view(None, Some(&info()), BOTH).differs(&quiet));
    }
}
