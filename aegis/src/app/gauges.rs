//! What has no moment of its own to be told at, and is measured when somebody looks, and with each
//! heartbeat.

use std::sync::Arc;
use std::time::Duration;

use metrics::Gauge;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::control::Control;
use super::leading::Led;
use super::running::Started;
use crate::client::Client;
use crate::cluster::Heard;
use crate::lease::Standing;
use crate::observe;
use crate::port::ConnectionState;
use crate::serve::LoadMeter;

/// The gauges of a program.
pub(super) struct Gauges {
    client: Client,
    connected: Gauge,
    services: Vec<OfService>,
}

struct OfService {
    load: LoadMeter,
    leads: Option<Leads>,
    heard: Option<(Heard, Gauge)>,
}

struct Leads {
    standing: watch::Receiver<Standing>,
    role: Gauge,
    epoch: Gauge,
}

impl Leads {
    fn new(service: &str, led: &Led, standing: watch::Receiver<Standing>) -> Self {
        let labels = [
            ("service", service.to_owned()),
            ("group", led.group.to_owned()),
        ];
        Self {
            standing,
            role: metrics::gauge!(observe::LEADER_ROLE, &labels),
            epoch: metrics::gauge!(observe::LEADER_EPOCH, &labels),
        }
    }

    fn tell(&self) {
        let lease = self.standing.borrow().lease.clone();
        self.role.set(f64::from(u8::from(lease.is_some())));
        let epoch = lease.map_or(0, |lease| lease.epoch());
        #[expect(
            clippy::cast_precision_loss,
            reason = "microseconds since 1970 and a bit fit into 53 bits"
        )]
        self.epoch.set(epoch as f64);
    }
}

impl Gauges {
    /// Of services that serve; `heard` tells of their records.
    pub(super) fn new(
        client: &Client,
        started: &[Started],
        heard: &[(String, Heard)],
    ) -> Arc<Self> {
        let services = started.iter().filter_map(|part| {
            let service = part.home.service.as_str();
            let heard = heard.iter().find(|(of, _)| of == service);
            Some(OfService {
                load: part.server.as_ref()?.load_meter(),
                leads: part
                    .led
                    .map(|led| Leads::new(service, &led, part.standing.subscribe())),
                heard: heard.map(|(_, heard)| {
                    let labels = [("service", service.to_owned())];
                    (
                        heard.clone(),
                        metrics::gauge!(observe::HEARTBEAT_AGE, &labels),
                    )
                }),
            })
        });
        Arc::new(Self {
            connected: metrics::gauge!(observe::CONNECTED),
            services: services.collect(),
            client: client.clone(),
        })
    }

    /// Measures all of them.
    pub(super) fn tell(&self) {
        let is_connected = *self.client.connection().borrow() == ConnectionState::Connected;
        self.connected.set(f64::from(u8::from(is_connected)));
        self.client.tell_staleness();
        for service in &self.services {
            service.load.tell();
            if let Some(leads) = &service.leads {
                leads.tell();
            }
            if let Some((heard, age)) = &service.heard {
                age.set(heard.age().as_secs_f64());
            }
        }
    }

    /// Measures them again and again, for recorders that only listen.
    pub(super) fn keep_telling(
        self: &Arc<Self>,
        control: Option<&Control>,
        every: Duration,
    ) -> AbortOnDropHandle<()> {
        let gauges = self.clone();
        let telling = async move {
            loop {
                gauges.tell();
                tokio::time::sleep(every).await;
            }
        };
        match control {
            Some(control) => control.spawn(telling),
            None => AbortOnDropHandle::new(tokio::spawn(telling)),
        }
    }
}
