//! What is measured: instances of the own counter, or processes of a service that runs already.

use std::time::{Duration, Instant};

use aegis::testing::NatsServer;
use aegis::{Client, Config, Subject};
use anyhow::Context as _;
use tokio::task::JoinHandle;

use super::journal::{Found, Journal};
use super::load::{Load, What};
use super::own::{COUNTER, Own, find_server};
use super::service::{self, BUCKET, State};
use crate::cli::{Common, Failover, Fault};
use crate::out::Out;

/// The group of the own service.
const GROUP: &str = "main";
/// How long the instances may take to answer who they are.
const LOOK: Duration = Duration::from_millis(500);
/// The longest wait for a leader who answers every probe, beyond ten leases.
const CALM_WITHIN: Duration = Duration::from_secs(30);
/// How long everything must be calm before something is done to it.
const CALM: Duration = Duration::from_millis(500);
/// How long the cleaning up may take.
const END: Duration = Duration::from_secs(5);

/// Who leads.
#[derive(Debug, Clone)]
pub(super) struct Leading {
    pub(super) instance: String,
    pub(super) epoch: u64,
}

/// Everything that is there. What is dropped first stands first.
pub(super) struct Ground {
    kind: Kind,
    client: Client,
    config: Config,
    server: Option<NatsServer>,
}

enum Kind {
    Own(Own),
    Given { group: String, service: String },
}

/// What was done to a leader, and has to be undone or waited for.
pub(super) enum Struck {
    Dying(JoinHandle<anyhow::Result<()>>),
    Paused(Paused),
    Asked(JoinHandle<aegis::Result<u64>>),
    /// Nothing of this tool's.
    Gone,
}

/// A process that stands still. Dropping it lets it go on.
pub(super) struct Paused(u32);

impl Drop for Paused {
    fn drop(&mut self) {
        #[cfg(unix)]
        {
            // It may have been killed meanwhile.
            let _ = crate::signals::send(self.0, crate::signals::Signal::CONT);
        }
    }
}

impl Ground {
    /// Finds what is there, or a server; starts no instance yet.
    pub(super) async fn set_up(
        wish: &Failover,
        common: &Common,
        out: &Out,
    ) -> anyhow::Result<Self> {
        if let Some(service) = &wish.service {
            let config = common.config()?;
            config.start_log();
            let client = Client::connect(config.clone()).await?;
            let kind = Kind::Given {
                group: wish.group.clone(),
                service: service.clone(),
            };
            return Ok(Self {
                kind,
                client,
                config,
                server: None,
            });
        }
        let (url, config, server) = find_server(wish, common, out).await?;
        // Of its own, so that it meets no other counter.
        let prefix = format!("failover{}", std::process::id());
        let config = config.log("warn").subject_prefix(&prefix);
        config.start_log();
        let client = Client::connect(config.clone()).await?;
        let kind = Kind::Own(Own::new(url, prefix, &wish.preset, server.is_some()));
        Ok(Self {
            kind,
            client,
            config,
            server,
        })
    }

    /// Starts the instances, if they are its own.
    pub(super) async fn start(&mut self, wish: &Failover, out: &Out) -> anyhow::Result<()> {
        let Kind::Own(own) = &mut self.kind else {
            return Ok(());
        };
        own.fill(wish.instances).await?;
        if !wish.json {
            let names = own.processes();
            let names = names.map(|(name, pid)| format!("{name} (process {pid})"));
            let names: Vec<String> = names.collect();
            out.line(format_args!(
                "Instances of {COUNTER} at {}: {}",
                self.client.server(),
                names.join(", ")
            ))?;
        }
        Ok(())
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    fn names(&self) -> (&str, &str) {
        match &self.kind {
            Kind::Own(_) => (COUNTER, GROUP),
            Kind::Given { group, service } => (service, group),
        }
    }

    /// What is called, and where the probes go.
    pub(super) async fn load(&self, wish: &Failover, within: Duration) -> anyhow::Result<Load> {
        let (service, _) = self.names();
        let (what, probed) = match &wish.method {
            Some(method) if wish.service.is_some() => {
                let (service, method) = (service.to_owned(), method.clone());
                (What::Method { service, method }, wish.method.as_deref())
            }
            _ => (What::Counter, Some("probe")),
        };
        let infos = self.client.services(LOOK).await?;
        let infos = infos.iter().filter(|info| info.name == service);
        let mut endpoints = infos.flat_map(|info| &info.endpoints);
        let endpoint = endpoints.find(|endpoint| Some(&*endpoint.name) == probed);
        let endpoint = endpoint.with_context(|| {
            format!(
                "no instance of {service} with the method {} answered within {LOOK:?}: \
                 `aegis services` shows who is there",
                probed.unwrap_or_default()
            )
        })?;
        Ok(Load {
            what,
            probe: Subject::parse(&endpoint.subject)?,
            rate: wish.rate,
            clients: wish.clients.min(wish.rate),
            within,
        })
    }

    /// Who leads, as the record says.
    pub(super) async fn leader(&self) -> aegis::Result<Option<Leading>> {
        let (service, group) = self.names();
        let leader = self.client.leader(service, group).await?;
        let leader = leader.filter(|leader| !leader.released);
        Ok(leader.map(|leader| Leading {
            instance: leader.instance,
            epoch: leader.epoch,
        }))
    }

    /// Waits until the leader has answered everything for a while. None if it is none whose
    /// process is known.
    pub(super) async fn steady(
        &mut self,
        wish: &Failover,
        journal: &Journal,
    ) -> anyhow::Result<Option<Leading>> {
        if let Kind::Own(own) = &mut self.kind {
            own.fill(wish.instances).await?;
        }
        let within = CALM_WITHIN + 10 * wish.preset.lease();
        let calm = CALM.max(4 * wish.preset.renew());
        let start = Instant::now();
        while start.elapsed() < within {
            journal.take();
            tokio::time::sleep(calm).await;
            let part = journal.take();
            let answered = |epoch| {
                let mut probes = part.probes.iter();
                probes.all(|probe| probe.found == Found::Leader(epoch))
            };
            let Ok(Some(leader)) = self.leader().await else {
                continue;
            };
            if !part.probes.is_empty() && answered(leader.epoch) {
                return Ok(self.can_strike(wish, &leader.instance).then_some(leader));
            }
        }
        let (service, _) = self.names();
        anyhow::bail!("no leader of {service} answered every probe for {calm:?} within {within:?}")
    }

    fn can_strike(&self, wish: &Failover, instance: &str) -> bool {
        wish.fault == Fault::StepDown || self.pid(wish, instance).is_some()
    }

    pub(super) fn nobody_to_strike(&self, wish: &Failover) -> String {
        let (service, group) = self.names();
        format!(
            "the leader of {service} is an instance whose process is not known: name the processes \
             of all with --pid INSTANCE=PID; `aegis leader {service} --group {group}` says who \
             leads (known: {})",
            wish.pid
                .iter()
                .map(|(id, _)| &**id)
                .collect::<Vec<_>>()
                .join(", ")
        )
    }

    fn pid(&self, wish: &Failover, instance: &str) -> Option<u32> {
        match &self.kind {
            Kind::Own(own) => {
                let mut all = own.processes();
                all.find(|(name, _)| *name == instance).map(|(_, pid)| pid)
            }
            Kind::Given { .. } => {
                let mut all = wish.pid.iter();
                all.find(|(name, _)| name == instance).map(|(_, pid)| *pid)
            }
        }
    }

    /// Does it.
    pub(super) fn strike(&mut self, wish: &Failover, instance: &str) -> anyhow::Result<Struck> {
        if wish.fault == Fault::StepDown {
            let (client, instance) = (self.client.clone(), instance.to_owned());
            let service = self.names().0.to_owned();
            let asked = async move { client.step_down(&service, &instance).await };
            return Ok(Struck::Asked(tokio::spawn(asked)));
        }
        let pid = self.pid(wish, instance);
        let pid = pid.with_context(|| format!("the process of {instance} is not known"))?;
        if wish.fault == Fault::Pause {
            signal(pid, wish.fault)?;
            return Ok(Struck::Paused(Paused(pid)));
        }
        let Kind::Own(own) = &mut self.kind else {
            signal(pid, wish.fault)?;
            return Ok(Struck::Gone);
        };
        let Some(mut child) = own.take(instance) else {
            return Ok(Struck::Gone);
        };
        Ok(Struck::Dying(if wish.fault == Fault::Kill {
            child.kill()?;
            tokio::spawn(child.ended())
        } else {
            tokio::spawn(child.stop())
        }))
    }

    /// What stands in the bucket of the own service.
    pub(super) async fn counted(&self) -> anyhow::Result<Option<State>> {
        match self.kind {
            Kind::Own(_) => Ok(Some(service::read(&self.client).await?)),
            Kind::Given { .. } => Ok(None),
        }
    }

    /// Ends everything, instances first; of a server that was there before, nothing is left.
    pub(super) async fn end(self) {
        let Kind::Own(own) = self.kind else {
            let _ = self.client.close().await;
            return;
        };
        drop(own);
        if self.server.is_none() {
            let cleaned = async {
                for bucket in [BUCKET, "sticky_active", "service_registry"] {
                    let _ = self.client.bucket(bucket).remove().await;
                }
            };
            let _ = tokio::time::timeout(END, cleaned).await;
        }
        let _ = self.client.close().await;
    }
}

impl Struck {
    /// Undoes it, or waits for its end.
    pub(super) async fn recover(self) -> anyhow::Result<()> {
        match self {
            Self::Dying(end) => end.await??,
            Self::Asked(end) => {
                end.await??;
            }
            Self::Paused(paused) => drop(paused),
            Self::Gone => {}
        }
        Ok(())
    }
}

#[cfg(unix)]
fn signal(pid: u32, fault: Fault) -> anyhow::Result<()> {
    use crate::signals::{Signal, send};
    let signal = match fault {
        Fault::Kill => Signal::KILL,
        Fault::Pause => Signal::STOP,
        Fault::Stop | Fault::StepDown => Signal::TERM,
    };
    send(pid, signal).with_context(|| format!("the process {pid} cannot be signalled"))
}

#[cfg(not(unix))]
fn signal(_pid: u32, _fault: Fault) -> anyhow::Result<()> {
    anyhow::bail!("this system knows no such signals: try --fault step-down")
}
