//! What a program tells of itself: to calls of `health` and `metrics`, and by HTTP.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::gauges::Gauges;
use super::leading::Led;
use super::running::Started;
use super::vitals::Record;
use crate::client::Client;
use crate::lease::Standing;
use crate::model::{Instance, InstanceStatus, Lifecycle};
use crate::port::ConnectionState;
use crate::serve::{Home, Tells};

/// What is known of the program, as far as it has come.
pub(super) struct Facts {
    state: watch::Receiver<Lifecycle>,
    began: Instant,
    client: OnceLock<Client>,
    gauges: OnceLock<Arc<Gauges>>,
    services: Mutex<Vec<OfService>>,
}

/// What is known of one service.
struct OfService {
    home: Arc<Home>,
    version: &'static str,
    handlers: Value,
    led: Option<Led>,
    standing: watch::Receiver<Standing>,
    record: Option<Arc<Record>>,
}

impl Facts {
    pub(super) fn new(state: watch::Receiver<Lifecycle>) -> Arc<Self> {
        Arc::new(Self {
            state,
            began: Instant::now(),
            client: OnceLock::new(),
            gauges: OnceLock::new(),
            services: Mutex::default(),
        })
    }

    /// There is a connection.
    pub(super) fn connected(&self, client: &Client) {
        let _ = self.client.set(client.clone());
    }

    /// These are its services.
    pub(super) fn serve(&self, started: &[Started]) {
        let services = started.iter().map(|part| OfService {
            home: part.home.clone(),
            version: part.about.version,
            handlers: part.handlers.clone(),
            led: part.led,
            standing: part.standing.subscribe(),
            record: None,
        });
        *self.services() = services.collect();
    }

    /// This is the record of one of them.
    pub(super) fn known(&self, record: &Arc<Record>) {
        let mut services = self.services();
        let mut own = services.iter_mut();
        if let Some(service) = own.find(|one| one.home.service == record.home.service) {
            service.record = Some(record.clone());
        }
    }

    /// This is what measures it.
    pub(super) fn measured(&self, gauges: &Arc<Gauges>) {
        let _ = self.gauges.set(gauges.clone());
    }

    fn services(&self) -> MutexGuard<'_, Vec<OfService>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_connected(&self) -> bool {
        let client = self.client.get();
        client.is_some_and(|client| *client.connection().borrow() == ConnectionState::Connected)
    }

    /// Why it should not get work now; none if it should.
    pub(super) fn unready(&self) -> Option<String> {
        match *self.state.borrow() {
            Lifecycle::Started => {}
            Lifecycle::Initializing | Lifecycle::Starting => return Some("it starts".to_owned()),
            Lifecycle::Stopping => return Some("it drains".to_owned()),
            Lifecycle::Stopped | Lifecycle::Failed => return Some("it has ended".to_owned()),
        }
        if !self.is_connected() {
            return Some("it is not connected to NATS".to_owned());
        }
        let services = self.services();
        services.iter().find_map(|service| {
            let last = service.record.as_ref()?.last()?;
            let reason = last.metadata.get("reason").and_then(Value::as_str);
            let reason = reason.unwrap_or("it does not say why");
            (last.status == InstanceStatus::Unhealthy)
                .then(|| format!("{} is unhealthy: {reason}", last.service))
        })
    }

    /// Measures what has no moment of its own.
    pub(super) fn measure(&self) {
        if let Some(gauges) = self.gauges.get() {
            gauges.tell();
        }
    }

    /// Everything, for people and tools.
    pub(super) fn status(&self) -> Value {
        let services: Vec<Value> = self.services().iter().map(OfService::told).collect();
        json!({
            "lifecycle": self.state.borrow().to_string(),
            "ready": self.unready().is_none(),
            "reason": self.unready(),
            "uptime_seconds": self.began.elapsed().as_secs_f64(),
            "nats": {
                "server": self.client.get().map(Client::server),
                "connected": self.is_connected(),
            },
            "services": services,
        })
    }
}

impl OfService {
    fn told(&self) -> Value {
        let last = self.record.as_ref().and_then(|record| record.last());
        let of_record = |key: &str| {
            let last: Option<&Instance> = last.as_ref();
            last.and_then(|last| last.metadata.get(key)).cloned()
        };
        json!({
            "service": self.home.service.as_str(),
            "instance": self.home.instance.as_str(),
            "version": self.version,
            "status": last.as_ref().map(|last| last.status.to_string()),
            "reason": of_record("reason"),
            "load": of_record("load"),
            "leadership": self.leadership(),
            "handlers": self.handlers,
        })
    }

    fn leadership(&self) -> Option<Value> {
        let group = self.led?.group;
        let standing = self.standing.borrow();
        let own = standing.lease.as_ref().map(|lease| lease.epoch());
        let other = standing.holder.as_ref();
        let leader = match own {
            Some(_) => Some(self.home.instance.to_string()),
            None => other.map(|holder| holder.instance.clone()),
        };
        Some(json!({
            "group": group,
            "leads": own.is_some(),
            "leader": leader,
            "epoch": own.or(other.map(|holder| holder.epoch)),
        }))
    }
}

impl Tells for Facts {
    fn health(&self, service: &str) -> Value {
        let services = self.services();
        let own = services
            .iter()
            .find(|one| one.home.service.as_str() == service);
        let mut told = own.map_or(Value::Null, OfService::told);
        if let Some(told) = told.as_object_mut() {
            told.remove("handlers");
            told.insert(
                "lifecycle".to_owned(),
                self.state.borrow().to_string().into(),
            );
        }
        told
    }

    fn metrics(&self) -> Value {
        self.measure();
        crate::observe::metrics().json()
    }
}
