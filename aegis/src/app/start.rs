//! The start: all or nothing.

use std::any::TypeId;
use std::collections::HashSet;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt;
use tokio::sync::watch;
use tokio::time::Instant;

use super::builder::App;
use super::config::Config;
use super::connect;
use super::control::Control;
use super::facts::Facts;
use super::leading::Leading;
use super::locate;
use super::mount::Mount;
use super::presence::Presence;
use super::records::{kept, records};
use super::running::{Page, Parts, Running, Started};
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Failure, InstanceId, Lifecycle, ServiceName};
use crate::serve::{
    Context, HandlerDescriptor, HandlerTable, Home, Metadata, ServeSettings, Server, Tells,
    manifest,
};

/// Changes the state; a way that does not exist is a mistake of ours, and said loudly.
pub(super) fn enter(state: &watch::Sender<Lifecycle>, next: Lifecycle) {
    state.send_modify(|state| match state.enter(next) {
        Ok(next) => {
            tracing::debug!("{state} -> {next}");
            *state = next;
        }
        Err(error) => tracing::error!(%error, "a step that should not be"),
    });
}

/// Starts a program, unless `cancel` becomes ready first.
pub(super) async fn start(app: App, cancel: impl Future<Output = ()>) -> Result<Running> {
    let (state, _) = watch::channel(Lifecycle::Initializing);
    enter(&state, Lifecycle::Starting);
    let telling = Telling {
        facts: Facts::new(state.subscribe()),
        state,
    };
    let outcome = match listen(&app.config, &telling.facts).await {
        Ok(page) => parts(app, &telling, cancel)
            .await
            .map(|parts| (parts, page)),
        Err(error) => Err(error),
    };
    let Telling { state, facts } = telling;
    if outcome.is_err() {
        enter(&state, Lifecycle::Failed);
    }
    let ((client, config, parts), page) = outcome?;
    let running = Running::new(client, state, parts, &config, facts, page);
    running.enter(Lifecycle::Started);
    let parts = running.parts();
    for part in &parts.started {
        let home = &part.home;
        tracing::info!(service = %home.service, instance = %home.instance, "serves");
    }
    Ok(running)
}

/// What is told while a program comes up: its state, and what is known of it.
struct Telling {
    state: watch::Sender<Lifecycle>,
    facts: Arc<Facts>,
}

/// Answers by HTTP from now on, also while the rest of the start takes its time.
#[cfg(feature = "http")]
async fn listen(config: &Config, facts: &Arc<Facts>) -> Result<Option<Page>> {
    let Some(address) = config.telling.http else {
        return Ok(None);
    };
    let page = super::http::serve(address, facts.clone()).await?;
    Ok(Some(page))
}

#[cfg(not(feature = "http"))]
#[expect(clippy::unused_async, reason = "the same face as with the feature")]
async fn listen(_: &Config, _: &Arc<Facts>) -> Result<Option<Page>> {
    Ok(None)
}

async fn parts(
    app: App,
    telling: &Telling,
    cancel: impl Future<Output = ()>,
) -> Result<(Client, Box<Config>, Parts)> {
    let App {
        config,
        mounts,
        layers,
    } = app;
    let mounts = checked(mounts)?;
    config.check()?;
    let name = mounts.first().map_or("aegis", |(mount, _)| mount.name);
    let mut cancel = std::pin::pin!(cancel);
    let (client, config) = tokio::select! {
        biased;
        () = &mut cancel => return Err(cancelled()),
        connected = connected(Box::new(config), name) => connected?,
    };
    let client = client.with_layers(layers);
    telling.facts.connected(&client);
    let mut parts = Parts::default();
    let outcome = tokio::select! {
        biased;
        () = &mut cancel => Err(cancelled()),
        // On the heap: it is large, and stands in the future of every program.
        outcome = Box::pin(all(&config, mounts, &client, telling, &mut parts)) => outcome,
    };
    if let Err(error) = outcome {
        // Every service before the one that failed has run its `#[on_start]`.
        parts.undo(Instant::now() + config.drain_timeout).await;
        let _ = client.close().await;
        return Err(error);
    }
    Ok((client, config, parts))
}

fn cancelled() -> Error {
    Error::new(
        ErrorKind::Lifecycle,
        "a signal came before the start was complete",
    )
}

/// A client, and the configuration that says where NATS is: every other connection goes there too.
async fn connected(config: Box<Config>, name: &str) -> Result<(Client, Box<Config>)> {
    config.tell_strangers();
    let config = locate::located(config).await?;
    let connection = connect::open(&config, name).await?;
    tracing::info!(server = %connection.bus.name(), "connected");
    config.tell_alone(connection.bus.server().as_ref());
    let client = connect::client(&config, connection, name)?;
    Ok((client, config))
}

/// Everything that can be found wrong without a server.
fn checked(mounts: Vec<Mount>) -> Result<Vec<(Mount, HandlerTable)>> {
    if mounts.is_empty() {
        return Err(Error::new(
            ErrorKind::Lifecycle,
            nothing_mounted(&HandlerTable::unmounted(&[])),
        ));
    }
    let mut names = HashSet::new();
    let mut checked = Vec::new();
    for mount in mounts {
        if !names.insert(mount.name) {
            return Err(Error::new(
                ErrorKind::Lifecycle,
                format!("the service {} is mounted twice: mount it once", mount.name),
            ));
        }
        let table = mount.table()?;
        checked.push((mount, table));
    }
    let ids: Vec<TypeId> = checked.iter().map(|(mount, _)| mount.id).collect();
    for row in HandlerTable::unmounted(&ids) {
        // No mistake where several programs are made of one library.
        tracing::info!(
            service = row.service_name(),
            handler = row.handler(),
            source = %row.source,
            "a service is linked in but not mounted: `app.service(..)` makes it serve"
        );
    }
    Ok(checked)
}

/// A program that serves nothing is a mistake: what is meant is probably linked in.
fn nothing_mounted(linked: &[&HandlerDescriptor]) -> String {
    let found: Vec<String> = linked
        .iter()
        .map(|row| format!("{} ({})", row.service_name(), row.source))
        .collect();
    if found.is_empty() {
        return "there is no service in this program: write one with `#[aegis::service(..)]` and \
                mount it with `app.service(..)`; a program that only calls takes a `Client`"
            .to_owned();
    }
    format!(
        "nothing is mounted: `app.service(..)` makes a service serve; linked in are {}",
        found.join(", ")
    )
}

async fn all(
    config: &Config,
    mounts: Vec<(Mount, HandlerTable)>,
    client: &Client,
    telling: &Telling,
    parts: &mut Parts,
) -> Result<()> {
    let number = crate::observe::random() & 0xffff_ffff;
    for (mount, table) in &mounts {
        let home = Arc::new(Home {
            client: client.clone(),
            service: ServiceName::parse(mount.name)?,
            instance: match &config.instance {
                Some(instance) => instance.clone(),
                None => InstanceId::parse(&format!("{}-{number:08x}", mount.name))?,
            },
            metadata: Metadata::default(),
        });
        if parts.started.is_empty() {
            super::collector::name(&home, mount.about.version);
        }
        if config.instance.is_some() {
            super::presence::is_free(&home).await?;
        }
        on_start(mount, &home).await?;
        parts.started.push(Started {
            home,
            hooks: mount.hooks.clone(),
            about: mount.about.clone(),
            handlers: manifest(&table.rows, client.layout()),
            server: None,
            led: mount.led,
            standing: watch::Sender::default(),
        });
    }
    let settings = ServeSettings {
        reply_prefixes: reply_prefixes(config),
        replicas: config.leader_servers(),
        state: telling.state.subscribe(),
        tells: config
            .telling
            .builtin_rpcs
            .then(|| telling.facts.clone() as Arc<dyn Tells>),
    };
    telling.facts.serve(&parts.started);
    for ((mount, table), part) in mounts.into_iter().zip(parts.started.iter_mut()) {
        let home = part.home.clone();
        let server = Server::new(&table, mount.about, &mount.service, home, settings.clone());
        // It has its place before the first call can come: undoing drains it.
        part.server.insert(server).subscribe().await?;
    }
    client.bus().flush().await?;
    presence(config, client, telling, parts).await
}

/// Lets itself be found, and takes part in elections.
async fn presence(
    config: &Config,
    client: &Client,
    telling: &Telling,
    parts: &mut Parts,
) -> Result<()> {
    let started = &parts.started;
    let leads = started.iter().any(|part| part.led.is_some());
    let records = records(config, client, started, (&telling.state, &telling.facts)).await;
    let Some(first) = started.first().filter(|_| config.registry || leads) else {
        parts.kept = kept(records);
        return Ok(());
    };
    let control = Control::open(config, first.home.service.as_str()).await?;
    let control = parts.control.insert(control);
    // Each has its place before anybody can find it: undoing removes records, and gives up leases.
    if config.registry {
        let presence = Presence::prepare(client, control, records)?;
        parts.presence.insert(presence).announce().await;
    } else {
        parts.kept = kept(records);
    }
    if leads {
        for part in started {
            one_group(client, part).await;
        }
        parts.leading = Some(Leading::start(config, client, control, started)?);
    }
    Ok(())
}

/// Warns of another group of the same service: exclusive methods have one subject, so both leaders
/// would run every call. That it cannot be asked is no reason not to start.
async fn one_group(client: &Client, part: &Started) {
    let Some(led) = part.led else { return };
    let service = part.home.service.as_str();
    let asked = tokio::time::timeout(GROUPS, client.leaders(service)).await;
    let Ok(Ok(leaders)) = asked else { return };
    let mut others = leaders.iter().filter(|leader| leader.group != led.group);
    if let Some(other) = others.find(|leader| !leader.released) {
        tracing::warn!(
            service,
            group = led.group,
            other = other.group,
            leader = other.instance,
            "another group of this service has a leader, or had one: every exclusive call reaches \
             both; give each group a service name of its own"
        );
    }
}

/// How long other groups are asked for.
const GROUPS: Duration = Duration::from_secs(1);

/// Answers go to inboxes only: `_R_` and `_GR_` are those of other accounts and clusters.
fn reply_prefixes(config: &Config) -> Vec<String> {
    let mut prefixes = vec!["_INBOX.".to_owned(), "_R_.".to_owned(), "_GR_.".to_owned()];
    if config.inbox_prefix != "_INBOX" {
        prefixes.push(format!("{}.", config.inbox_prefix));
    }
    prefixes
}

async fn on_start(mount: &Mount, home: &Arc<Home>) -> Result<()> {
    let context = Context::of_hook(home.clone(), "on_start");
    let hook = AssertUnwindSafe(context.around(mount.hooks.start(&context)))
        .catch_unwind()
        .await;
    let failure = match hook {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(failure)) => failure,
        Err(_) => Failure::internal("it panicked; the log says where"),
    };
    Err(Error::new(
        ErrorKind::Lifecycle,
        format!("`#[on_start]` of {} failed: {failure}", mount.name),
    ))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_program_without_any_service_is_told_how_to_write_one() {
        let text = super::nothing_mounted(&[]);
        assert!(
            text.starts_with("there is no service in this program: "),
            "{text}"
        );
    }
}
