//! The own counter: its server, and its instances, each a process.

use aegis::testing::NatsServer;
use aegis::{Client, Config, ErrorKind, Failover as Numbers};

use crate::child::{Child, Plan};
use crate::cli::{Common, Failover};
use crate::ending::Usage;
use crate::out::Out;

/// The service's name.
pub(super) const COUNTER: &str = "counter";

/// The instances of the own service.
pub(super) struct Own {
    url: String,
    prefix: String,
    made_here: bool,
    words: [String; 2],
    instances: Vec<(String, Child)>,
    started: u32,
}

impl Own {
    /// None yet; `made_here` says that the server is the tool's own.
    pub(super) fn new(url: String, prefix: String, numbers: &Numbers, made_here: bool) -> Self {
        Self {
            url,
            prefix,
            made_here,
            words: ["--preset".to_owned(), as_text(numbers)],
            instances: Vec::new(),
            started: 0,
        }
    }

    /// Starts what is missing.
    pub(super) async fn fill(&mut self, instances: u16) -> anyhow::Result<()> {
        while self.instances.len() < usize::from(instances) {
            self.add().await?;
        }
        Ok(())
    }

    /// The instances and their processes.
    pub(super) fn processes(&self) -> impl Iterator<Item = (&str, u32)> {
        let all = self.instances.iter();
        all.filter_map(|(name, child)| Some((&**name, child.pid()?)))
    }

    /// Starts one more instance. Each has a name of its own.
    async fn add(&mut self) -> anyhow::Result<()> {
        self.started += 1;
        let name = format!("{COUNTER}-{}", self.started);
        let plan = Plan {
            command: "failover-instance",
            url: &self.url,
            prefix: &self.prefix,
            own_server: self.made_here,
            words: &self.words,
        };
        let child = Child::spawn(&name, &plan).await?;
        self.instances.push((name, child));
        Ok(())
    }

    /// Takes one out.
    pub(super) fn take(&mut self, instance: &str) -> Option<Child> {
        let mut all = self.instances.iter();
        let at = all.position(|(name, _)| name == instance)?;
        Some(self.instances.swap_remove(at).1)
    }
}

/// Numbers as the configuration reads them.
fn as_text(numbers: &Numbers) -> String {
    let (lease, margin, renew) = (numbers.lease(), numbers.margin(), numbers.renew());
    format!(
        "lease={}us margin={}us renew={}us",
        lease.as_micros(),
        margin.as_micros(),
        renew.as_micros()
    )
}

/// The server that was named if it answers, else an own one.
pub(super) async fn find_server(
    wish: &Failover,
    common: &Common,
    out: &Out,
) -> anyhow::Result<(String, Config, Option<NatsServer>)> {
    if let Some(url) = common.given() {
        if url.starts_with("memory://") {
            let text = "a failover is that of processes: it needs a server, not memory";
            return Err(Usage(text.to_owned()).into());
        }
        let config = common.config()?.url(&url);
        match Client::connect(config.clone()).await {
            Ok(client) => {
                let _ = client.close().await;
                return Ok((url, config, None));
            }
            Err(error) if error.kind() == ErrorKind::Disconnected => {
                if !wish.json {
                    out.line("The given server does not answer: this starts its own.")?;
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    if !wish.json {
        crate::dev::find_server(out).await?;
    }
    let server = NatsServer::start().await?;
    let config = Config::default().url(&server.url());
    Ok((server.url(), config, Some(server)))
}
