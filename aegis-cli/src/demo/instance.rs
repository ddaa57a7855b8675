//! One instance of the demo's service: a process that ends with its parent, or a part of this one.

use std::time::{Duration, Instant};

use aegis::{App, Config, Running};
use anyhow::Context as _;
use tokio::task::JoinHandle;

use super::echo::Echo;
use crate::child::{self, Child, PATIENCE, Place, Plan};
use crate::cli::DemoInstance;
use crate::out::Out;

/// An instance that was started.
pub(super) struct Instance {
    pub(super) name: String,
    state: State,
}

enum State {
    Process(Box<Child>),
    Here(Box<Running>),
    Stopping(JoinHandle<anyhow::Result<Duration>>),
    Ended(&'static str),
}

impl Instance {
    /// Starts a process, and waits until it serves.
    pub(super) async fn spawn(name: String, plan: &Plan<'_>) -> anyhow::Result<Self> {
        let process = Child::spawn(&name, plan).await?;
        Ok(Self {
            name,
            state: State::Process(Box::new(process)),
        })
    }

    /// Starts one inside this process.
    pub(super) async fn here(name: String, config: Config) -> anyhow::Result<Self> {
        let app = App::new(config.instance_id(&name)).service(Echo);
        let state = State::Here(Box::new(app.start().await?));
        Ok(Self { name, state })
    }

    /// Its process, if it has one of its own.
    pub(super) fn pid(&self) -> Option<u32> {
        match &self.state {
            State::Process(process) => process.pid(),
            _ => None,
        }
    }

    /// Where it stands, for people.
    pub(super) fn standing(&self) -> &'static str {
        match self.state {
            State::Process(_) | State::Here(_) => "",
            State::Stopping(_) => "stopping",
            State::Ended(how) => how,
        }
    }

    /// Ends it at once, as a crash does.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        match std::mem::replace(&mut self.state, State::Ended("killed")) {
            State::Process(mut process) => {
                let killed = process.kill();
                killed.with_context(|| format!("{} cannot be killed", self.name))
            }
            // Dropping a program ends it at once.
            _ => Ok(()),
        }
    }

    /// Tells it to end in order.
    pub(super) fn stop(&mut self) {
        let ending = match std::mem::replace(&mut self.state, State::Ended("stopped")) {
            State::Process(process) => tokio::spawn(timed(process.stop())),
            State::Here(running) => tokio::spawn(timed(async { Ok(running.stop().await?) })),
            other => return self.state = other,
        };
        self.state = State::Stopping(ending);
    }

    /// Waits until it has ended in order, and says how long that took.
    pub(super) async fn stopped(&mut self) -> anyhow::Result<Duration> {
        let State::Stopping(ending) = &mut self.state else {
            return Ok(Duration::ZERO);
        };
        let ended = tokio::time::timeout(PATIENCE, ending).await;
        self.state = State::Ended("stopped");
        let name = &self.name;
        ended
            .with_context(|| format!("{name} did not end within {PATIENCE:?}"))??
            .with_context(|| format!("{name} did not end in order"))
    }
}

/// Waits for an end, and says how long it took.
async fn timed(ending: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<Duration> {
    let start = Instant::now();
    ending.await.map(|()| start.elapsed())
}

/// The child: an instance of the demo's service.
pub(crate) async fn serve(wish: &DemoInstance, out: &Out) -> anyhow::Result<()> {
    let place = Place {
        id: &wish.id,
        prefix: &wish.prefix,
        own_server: wish.own_server,
        server: &wish.server,
    };
    let config = place.config()?;
    config.start_log();
    child::serve(App::new(config).service(Echo).start(), out).await
}
