//! What the demo plays on: a server or none, the instances, and a client.

use std::time::{Duration, Instant};

use aegis::testing::NatsServer;
use aegis::{Client, Config, ErrorKind};

use super::echo::EchoClient;
use super::instance::Instance;
use crate::child::{self, Plan};
use crate::cli::{Common, Demo};
use crate::out::Out;

/// How the ends of instances are called.
pub(super) struct Words {
    pub(super) kill: &'static str,
    pub(super) stop: &'static str,
}

const PROCESSES: Words = Words {
    kill: "is killed (SIGKILL)",
    stop: "is stopped (SIGTERM)",
};
const MEMORY: Words = Words {
    kill: "is dropped without a word",
    stop: "is stopped in order",
};

/// Everything that runs. What is dropped first stands first.
pub(super) struct Stage {
    pub(super) instances: Vec<Instance>,
    pub(super) echo: EchoClient,
    client: Client,
    server: Option<NatsServer>,
    memory: bool,
}

/// Where the instances meet.
enum Place {
    Memory,
    /// A server that was there before, and how to reach it.
    Given(String),
    Own(NatsServer),
}

impl Stage {
    /// Finds or starts a server, starts the instances, connects.
    pub(super) async fn set_up(wish: &Demo, common: &Common, out: &Out) -> anyhow::Result<Self> {
        // Of its own, so that it meets no other service called `echo`.
        let prefix = format!("demo{}", std::process::id());
        out.section("1. The server")?;
        let place = Place::find(wish, common, out).await?;
        let config = match &place {
            Place::Memory => Config::default().url(&format!("memory://{prefix}")),
            Place::Given(url) => common.config()?.url(url),
            Place::Own(server) => Config::default().url(&server.url()),
        };
        let config = config.log(child::LOG).subject_prefix(&prefix);
        config.start_log();
        let url = match &place {
            Place::Memory => String::new(),
            Place::Given(url) => url.clone(),
            Place::Own(server) => server.url(),
        };
        let plan = Plan {
            command: "demo-instance",
            words: &[],
            url: &url,
            prefix: &prefix,
            own_server: matches!(place, Place::Own(_)),
        };
        let memory = matches!(place, Place::Memory);
        let instances = if memory {
            here(wish, &config, out).await?
        } else {
            processes(wish, &plan, out).await?
        };
        let client = Client::connect(config).await?;
        let server = match place {
            Place::Own(server) => Some(server),
            Place::Memory | Place::Given(_) => None,
        };
        Ok(Self {
            instances,
            echo: EchoClient::new(&client),
            client,
            server,
            memory,
        })
    }

    pub(super) fn words(&self) -> &'static Words {
        if self.memory { &MEMORY } else { &PROCESSES }
    }

    pub(super) fn name(&self, index: usize) -> String {
        let instance = self.instances.get(index);
        instance.map_or_else(String::new, |instance| instance.name.clone())
    }

    pub(super) fn kill(&mut self, index: usize) -> anyhow::Result<()> {
        self.instances.get_mut(index).map_or(Ok(()), Instance::kill)
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "it stands where `kill` stands as well"
    )]
    pub(super) fn stop(&mut self, index: usize) -> anyhow::Result<()> {
        if let Some(instance) = self.instances.get_mut(index) {
            instance.stop();
        }
        Ok(())
    }

    pub(super) async fn stopped(&mut self, index: usize) -> anyhow::Result<Duration> {
        match self.instances.get_mut(index) {
            Some(instance) => instance.stopped().await,
            None => Ok(Duration::ZERO),
        }
    }

    /// Ends all of it, instances first.
    pub(super) async fn end(&mut self) {
        let standing = |instance: &&mut Instance| instance.standing().is_empty();
        for instance in self.instances.iter_mut().filter(standing) {
            instance.stop();
        }
        for instance in &mut self.instances {
            // What does not end in order is killed when it is dropped.
            let _ = instance.stopped().await;
        }
        let _ = self.client.close().await;
        self.server = None;
    }
}

impl Place {
    async fn find(wish: &Demo, common: &Common, out: &Out) -> anyhow::Result<Self> {
        let given = common.given();
        let in_memory = |url: &String| url.starts_with("memory://");
        if wish.memory || given.as_ref().is_some_and(in_memory) {
            out.line("   None: messages stay inside this process, and so do all instances.")?;
            return Ok(Self::Memory);
        }
        if let Some(url) = given {
            let config = common.config()?.url(&url);
            match Client::connect(config).await {
                Ok(client) => {
                    out.line(format_args!("   {}, which runs already", client.server()))?;
                    return Ok(Self::Given(url));
                }
                Err(error) if error.kind() == ErrorKind::Disconnected => {
                    out.line("   The given server does not answer: the demo starts its own.")?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        crate::dev::find_server(out).await?;
        let server = NatsServer::start().await?;
        out.line(format_args!(
            "   nats-server at {}, started for this demo",
            server.url()
        ))?;
        Ok(Self::Own(server))
    }
}

async fn processes(wish: &Demo, plan: &Plan<'_>, out: &Out) -> anyhow::Result<Vec<Instance>> {
    out.section(format_args!(
        "2. {} instances of the service `echo`, each a process of its own",
        wish.instances
    ))?;
    let mut instances = Vec::new();
    for number in 1..=wish.instances {
        let start = Instant::now();
        let instance = Instance::spawn(format!("echo-{number}"), plan).await?;
        out.line(format_args!(
            "   {}  process {}, serves after {} ms",
            instance.name,
            instance.pid().unwrap_or_default(),
            start.elapsed().as_millis()
        ))?;
        instances.push(instance);
    }
    Ok(instances)
}

async fn here(wish: &Demo, config: &Config, out: &Out) -> anyhow::Result<Vec<Instance>> {
    out.section(format_args!(
        "2. {} instances of the service `echo`, all in this process",
        wish.instances
    ))?;
    let mut instances = Vec::new();
    for number in 1..=wish.instances {
        let instance = Instance::here(format!("echo-{number}"), config.clone()).await?;
        out.line(format_args!("   {}", instance.name))?;
        instances.push(instance);
    }
    Ok(instances)
}
