//! `aegis permissions`: what a user of NATS must be allowed, for a service, for a client, or for the
//! tool itself.

use std::collections::BTreeMap;

use aegis::{App, Client, Config, DiscoveryMode, Manifest, Permissions};

use crate::cli::{Common, Permitted};
use crate::connection;
use crate::ending::{Interrupted, Missing, Usage};
use crate::input;
use crate::out::Out;
use crate::signals::Signals;

const NOTHING: &str = "\
nothing is said that a user does: --service or --manifest for one that serves, and what else it does, \
such as --calls pricing.quote; aegis permissions --help lists all of it";

pub(crate) async fn run(wish: &Permitted, common: &Common, out: &Out) -> anyhow::Result<()> {
    if wish.does_nothing() {
        return Err(Usage(NOTHING.to_owned()).into());
    }
    let config = common.config()?;
    config.start_log();
    let manifests = manifests(wish, config.clone()).await?;
    let settings = settings(wish, &config, &manifests)?;
    let permissions = all(wish, &settings, &manifests);
    let permissions = permissions.map_err(|error| Usage(error.to_string()))?;
    if wish.json {
        out.line(serde_json::to_string_pretty(&permissions.to_json())?)?;
        return Ok(());
    }
    if permissions.shares_inbox() {
        out.line(
            "# The answers of all users come to _INBOX.>, and who may listen there reads them all.\n\
             # Set `nats.inbox_prefix`, such as _INBOX.shop, and say --inbox-prefix _INBOX.shop.",
        )?;
    }
    out.line(permissions)?;
    Ok(())
}

/// What is served, as it is told.
async fn manifests(wish: &Permitted, config: Config) -> anyhow::Result<Vec<Manifest>> {
    let mut manifests = Vec::new();
    for source in &wish.manifest {
        manifests.push(read(source)?);
    }
    if wish.service.is_empty() {
        return Ok(manifests);
    }
    let config = match &wish.prefix {
        Some(prefix) => config.subject_prefix(prefix),
        None => config,
    };
    let mut signals = Signals::listen()?;
    let client = connection::open(config, &mut signals).await?;
    let found = tokio::select! {
        found = running(&client, &wish.service) => found,
        () = signals.next() => Err(Interrupted.into()),
    };
    connection::close(&client).await;
    manifests.extend(found?);
    Ok(manifests)
}

fn read(source: &str) -> anyhow::Result<Manifest> {
    let text = match source {
        "-" => input::bytes("-")?.to_vec(),
        path => std::fs::read(path).map_err(|cause| Usage(format!("{path}: {cause}")))?,
    };
    Manifest::parse(&text).map_err(|cause| {
        let way = "it is what `App::manifest` prints, or the record of an instance";
        Usage(format!("{source} is no manifest: {cause}\n  {way}")).into()
    })
}

/// What the instances of each service serve: while an update rolls out, they serve different things.
async fn running(client: &Client, services: &[String]) -> anyhow::Result<Vec<Manifest>> {
    let discovery = client.discovery(DiscoveryMode::Basic);
    let mut manifests = Vec::new();
    for service in services {
        let all = discovery.all(service).await?;
        if all.is_empty() {
            let text = format!(
                "no instance of {service} is in the registry: start one, or read what the program \
                 says of itself with --manifest (`App::manifest`)"
            );
            return Err(Missing(text).into());
        }
        let told = all.iter().map(|instance| Manifest::of_instance(instance));
        let told: BTreeMap<String, Manifest> = told.map(|told| (told.to_string(), told)).collect();
        manifests.extend(told.into_values());
    }
    Ok(manifests)
}

/// Under which settings the subjects are made.
struct Settings {
    subjects: String,
    micro: String,
    inbox: String,
}

/// What is said here wins, then what the program says of itself, then the configuration.
fn settings(wish: &Permitted, config: &Config, manifests: &[Manifest]) -> anyhow::Result<Settings> {
    let own = App::new(config.clone()).manifest()?;
    // A record says nothing of settings: it was found under those of the configuration.
    let told = manifests
        .first()
        .filter(|_| wish.service.is_empty())
        .unwrap_or(&own);
    same(&wish.manifest, manifests)?;
    let said = |said: &Option<String>, told: &str| said.clone().unwrap_or_else(|| told.to_owned());
    let settings = Settings {
        subjects: said(&wish.prefix, &told.subject_prefix),
        micro: said(&wish.micro_prefix, &told.micro_prefix),
        inbox: said(&wish.inbox_prefix, &told.inbox_prefix),
    };
    if !wish.manifest.is_empty() && settings.subjects != told.subject_prefix {
        let text = format!(
            "the manifest is of a program with the subject prefix {:?}: leave out --prefix, or print \
             the manifest with that setting",
            told.subject_prefix
        );
        return Err(Usage(text).into());
    }
    Ok(settings)
}

/// One user has one set of settings: its subjects are made once.
fn same(sources: &[String], manifests: &[Manifest]) -> anyhow::Result<()> {
    let of = |one: &Manifest| {
        let Manifest {
            subject_prefix,
            micro_prefix,
            inbox_prefix,
            ..
        } = one;
        format!(
            "subject_prefix {subject_prefix:?}, nats.micro_prefix {micro_prefix:?}, \
             nats.inbox_prefix {inbox_prefix:?}"
        )
    };
    let mut all = sources.iter().zip(manifests);
    let Some((first, own)) = all.next() else {
        return Ok(());
    };
    let other = all.find(|(_, other)| of(other) != of(own));
    let Some((source, other)) = other else {
        return Ok(());
    };
    let text = format!(
        "{first} and {source} are of programs with other settings ({}; {}): print the permissions of \
         each by itself",
        of(own),
        of(other)
    );
    Err(Usage(text).into())
}

fn all(
    wish: &Permitted,
    settings: &Settings,
    manifests: &[Manifest],
) -> aegis::Result<Permissions> {
    let mut permissions = Permissions::new()
        .subject_prefix(&settings.subjects)?
        .micro_prefix(&settings.micro)?
        .inbox_prefix(&settings.inbox)?;
    for manifest in manifests {
        permissions = permissions.serves(manifest);
    }
    for called in &wish.calls {
        permissions = permissions.calls(called)?;
    }
    for events in &wish.publishes {
        permissions = permissions.publishes(events)?;
    }
    for sent in &wish.sends {
        permissions = permissions.sends(sent)?;
    }
    for bucket in &wish.bucket {
        permissions = match bucket.split_once(':') {
            Some((name, "ro")) => permissions.reads_bucket(name)?,
            Some((name, "rm")) => permissions.removes_bucket(name)?,
            _ => permissions.bucket(bucket)?,
        };
    }
    for events in &wish.observes {
        permissions = permissions.observes(events)?;
    }
    if wish.discovers {
        permissions = permissions.discovers();
    }
    if wish.tool {
        permissions = permissions.tool();
    }
    if wish.doctor {
        permissions = permissions.doctor();
    }
    Ok(permissions)
}
