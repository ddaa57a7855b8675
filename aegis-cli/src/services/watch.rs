//! `aegis services --watch`: a table on a terminal, else a line for everything that happens.

use std::pin::Pin;
use std::time::{Duration, Instant};

use aegis::{Client, ConnectionState, Discovery, DiscoveryMode, ServiceInfo, Staleness};
use serde::Serialize;
use tokio::time::MissedTickBehavior;

use super::live::{Live, Told};
use super::roster::{PATIENCE, late, without_registry};
use super::screen;
use super::tree::tree;
use super::view::View;
use crate::cli::Services;
use crate::out::{Out, now, plain};
use crate::terminal;

/// How often the table is looked at. It is in memory; staleness has no event of its own.
const LOOK: Duration = Duration::from_millis(250);
/// The longest time between two paintings.
const PAINT: Duration = Duration::from_secs(1);
/// Between two questions to the instances themselves.
const PAUSE: Duration = Duration::from_secs(2);

/// What happened, as a line of `--json`.
#[derive(Debug, Serialize)]
struct Line<'a> {
    time: String,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a View>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// Whether what is shown is up to date.
#[derive(Debug, Clone, PartialEq)]
enum Standing {
    Live,
    Stale,
    /// The registry was never heard, and why.
    Unasked(String),
}

/// How it is shown.
enum Style {
    Table { painted: Option<Instant> },
    Lines,
    Json,
}

struct Watch<'a> {
    client: &'a Client,
    discovery: Discovery,
    live: Live,
    standing: Standing,
    style: Style,
    detailed: bool,
    out: &'a Out,
}

/// Answers of the instances, and whether who is there would have been heard.
struct Round {
    asked: Instant,
    infos: Vec<ServiceInfo>,
    complete: bool,
}

/// Follows everybody for ever.
pub(super) async fn run(client: &Client, wish: &Services, out: &Out) -> anyhow::Result<()> {
    let mut watch = Watch::begin(client, wish, out);
    let heard = watch.discovery.clone();
    let heard = tokio::time::timeout(wish.wait.max(PATIENCE), heard.everybody());
    let (heard, round) = tokio::join!(heard, round(client, wish.wait));
    watch.standing = match heard.unwrap_or_else(|_| Err(late())) {
        Ok(_) => Standing::Live,
        Err(error) => Standing::Unasked(error.to_string()),
    };
    // The registry first: what has a record is not told as one without.
    watch.look().await?;
    watch.hear(round)?;
    watch.say(&watch.standing.clone())?;
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asking = again(client, wish.wait);
    loop {
        tokio::select! {
            _ = looks.tick() => watch.look().await?,
            round = &mut asking => {
                watch.hear(round)?;
                asking = again(client, wish.wait);
            }
        }
        watch.paint()?;
    }
}

fn again(client: &Client, wait: Duration) -> Pin<Box<impl Future<Output = Round>>> {
    Box::pin(async move {
        tokio::time::sleep(PAUSE).await;
        round(client, wait).await
    })
}

async fn round(client: &Client, wait: Duration) -> Round {
    let state = client.connection();
    let connected = || *state.borrow() == ConnectionState::Connected;
    let (asked, before) = (Instant::now(), connected());
    let infos = client.services(wait).await;
    Round {
        asked,
        complete: before && connected() && infos.is_ok(),
        infos: infos.unwrap_or_default(),
    }
}

impl<'a> Watch<'a> {
    fn begin(client: &'a Client, wish: &Services, out: &'a Out) -> Self {
        let style = match () {
            () if wish.json => Style::Json,
            () if out.is_terminal() && terminal::can_paint() => Style::Table { painted: None },
            () => Style::Lines,
        };
        Self {
            client,
            discovery: client.discovery(DiscoveryMode::Watched),
            live: Live::new(wish.service.clone()),
            standing: Standing::Live,
            style,
            detailed: wish.service.is_some(),
            out,
        }
    }

    /// Looks at the registry's table, and whether it is up to date.
    async fn look(&mut self) -> anyhow::Result<()> {
        let standing = match self.discovery.staleness()? {
            Staleness::Live => Standing::Live,
            Staleness::Stale(_) => Standing::Stale,
            Staleness::Never => match &self.standing {
                Standing::Unasked(error) => Standing::Unasked(error.clone()),
                _ => Standing::Unasked(late().to_string()),
            },
        };
        if !matches!(standing, Standing::Unasked(_)) {
            // It was heard, so this is from memory.
            let found = self.discovery.everybody().await?;
            let told = self.live.table(&found, Instant::now());
            self.tell(&told)?;
        }
        if standing != self.standing {
            self.say(&standing)?;
            self.standing = standing;
        }
        Ok(())
    }

    fn hear(&mut self, round: Round) -> anyhow::Result<()> {
        let complete = round.complete && self.standing != Standing::Stale;
        let told = self.live.answers(round.infos, round.asked, complete);
        self.tell(&told)
    }

    /// Says what happened to instances.
    fn tell(&mut self, told: &[Told]) -> anyhow::Result<()> {
        for told in told {
            let (event, view) = match told {
                Told::Appeared(view) => ("appeared", view),
                Told::Changed(view) => ("changed", view),
                Told::Gone(view) => ("gone", view),
            };
            match &mut self.style {
                Style::Table { painted } => *painted = None,
                Style::Lines => self.out.line(line(event, view))?,
                Style::Json => self.json(event, Some(view), None)?,
            }
        }
        Ok(())
    }

    /// Says whether what was told is up to date.
    fn say(&mut self, standing: &Standing) -> anyhow::Result<()> {
        let (event, error) = match standing {
            Standing::Live => ("live", None),
            Standing::Stale => ("stale", None),
            Standing::Unasked(error) => ("registry_unavailable", Some(error.as_str())),
        };
        match &mut self.style {
            Style::Table { painted } => *painted = None,
            Style::Lines => self
                .out
                .line(format_args!("{}  {}", now(), self.words(standing)))?,
            Style::Json => self.json(event, None, error)?,
        }
        Ok(())
    }

    fn words(&self, standing: &Standing) -> String {
        let server = self.client.server();
        match standing {
            Standing::Live => format!("live      these are all at {server}; what changes follows"),
            Standing::Stale => {
                format!("stale     {server} is not heard; what was told may be out of date")
            }
            Standing::Unasked(error) => without_registry(error),
        }
    }

    fn json(
        &self,
        event: &'static str,
        instance: Option<&View>,
        error: Option<&str>,
    ) -> anyhow::Result<()> {
        let line = Line {
            time: now(),
            event,
            instance,
            error,
        };
        self.out.line(serde_json::to_string(&line)?)?;
        Ok(())
    }

    /// Paints the table, if it is one, and if it is time.
    fn paint(&mut self) -> anyhow::Result<()> {
        let Style::Table { painted } = &mut self.style else {
            return Ok(());
        };
        if painted.is_some_and(|at| at.elapsed() < PAINT) {
            return Ok(());
        }
        *painted = Some(Instant::now());
        let standing = match (&self.standing, self.discovery.staleness()?) {
            (_, Staleness::Stale(since)) => format!(
                "STALE: the server has not been heard for {}s, the table is as it was then",
                since.as_secs()
            ),
            (Standing::Unasked(error), _) => without_registry(error),
            _ => "live".to_owned(),
        };
        let views = self.live.views(Instant::now());
        let mut text = format!("{}  {}  {standing}\n\n", self.client.server(), now());
        if views.is_empty() {
            text += "Nobody is there yet.";
        }
        text += &tree(&views, self.detailed);
        self.out.bytes(screen::painted(&text).as_bytes())?;
        Ok(())
    }
}

/// `2026-01-01T00:00:00Z  changed   calculator/one  UNHEALTHY  1.2.0  the disk is full`.
fn line(event: &str, view: &View) -> String {
    let mut said = vec![
        now(),
        format!("{event:8}"),
        format!("{}/{}", plain(&view.service), plain(&view.id)),
    ];
    if event != "gone" {
        said.extend(view.status.as_deref().map(plain));
        said.push(plain(&view.version));
        said.extend(view.leader.then(|| "leader".to_owned()));
        said.extend(view.reason.as_deref().map(plain));
        let unknown = view.registered == Some(false);
        said.extend(unknown.then(|| "not in the registry".to_owned()));
    }
    said.join("  ")
}
