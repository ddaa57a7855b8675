//! `aegis services`: who is there, from what the instances say of themselves (`$SRV.INFO`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use aegis::{Client, EndpointInfo, ServiceInfo};

use crate::call::names;
use crate::cli::{Common, Services};
use crate::ending::Interrupted;
use crate::out::Out;
use crate::signals::Signals;

/// Where a program looks that is told nothing.
const USUAL: &str = "nats://127.0.0.1:4222";

pub(crate) async fn run(wish: &Services, common: &Common, out: &Out) -> anyhow::Result<()> {
    let config = common.config()?;
    config.start_log();
    let mut signals = Signals::listen()?;
    let (server, mut found) = tokio::select! {
        found = ask(config, wish) => found?,
        () = signals.next() => return Err(Interrupted.into()),
    };
    if let Some(service) = &wish.service {
        let others = names(&found).map_or_else(String::new, |names| format!("; there are {names}"));
        found.retain(|info| info.name == *service);
        if found.is_empty() && !wish.json {
            anyhow::bail!(
                "no instance of {service} answered at {server} within {:?}{others}: `--wait 2s` \
                 waits longer",
                wish.wait
            );
        }
    }
    if wish.json {
        out.line(serde_json::to_string_pretty(&found)?)?;
    } else if found.is_empty() {
        // Programs look at the usual server by themselves.
        let how = match server.trim_end_matches('/') {
            USUAL => String::new(),
            other => format!(" with AEGIS_NATS_URL={}", other.replace(", ", ",")),
        };
        out.line(format_args!(
            "No service answered at {server} within {:?}. Start one (`cargo run` in its crate)\
             {how}; `--url` asks another server.",
            wish.wait
        ))?;
    } else {
        tree(&found, wish.service.is_some(), out)?;
    }
    Ok(())
}

async fn ask(config: aegis::Config, wish: &Services) -> aegis::Result<(String, Vec<ServiceInfo>)> {
    let client = Client::connect(config).await?;
    let found = client.services(wish.wait).await?;
    client.close().await?;
    Ok((client.server(), found))
}

/// The services, each with its instances, and if wanted with its methods.
fn tree(found: &[ServiceInfo], methods: bool, out: &Out) -> io::Result<()> {
    let mut by_name: BTreeMap<&str, Vec<&ServiceInfo>> = BTreeMap::new();
    for info in found {
        by_name.entry(&info.name).or_default().push(info);
    }
    for (name, instances) in by_name {
        let count = match instances.len() {
            1 => "1 instance".to_owned(),
            more => format!("{more} instances"),
        };
        out.line(format_args!("{name}  {count}"))?;
        let width = instances.iter().map(|info| info.id.len()).max();
        let width = width.unwrap_or_default();
        for info in &instances {
            let state = info.metadata.get("aegis.state").map_or("", String::as_str);
            out.line(format_args!(
                "  {:width$}  {}  {state}",
                info.id, info.version
            ))?;
        }
        if let Some(first) = instances.first().filter(|_| methods) {
            described(first, out)?;
        }
    }
    Ok(())
}

/// What a service is for, and its methods, as its first instance says it.
fn described(info: &ServiceInfo, out: &Out) -> io::Result<()> {
    if !info.description.is_empty() {
        out.section(indented(&info.description, "  "))?;
    }
    out.section("  methods")?;
    for endpoint in &info.endpoints {
        out.line(format_args!("    {}", signature(endpoint)))?;
        if let Some(docs) = endpoint.metadata.get("description") {
            out.line(indented(docs, "        "))?;
        }
        out.line(format_args!("        subject {}", endpoint.subject))?;
    }
    Ok(())
}

/// `add(a, b)  idempotent  timeout 2s`.
fn signature(endpoint: &EndpointInfo) -> String {
    let fact = |key: &str| endpoint.metadata.get(key).map(String::as_str);
    let arguments = fact("aegis.arguments").unwrap_or_default();
    let mut text = format!("{}({})", endpoint.name, arguments.replace(',', ", "));
    if fact("aegis.idempotent") == Some("true") {
        text += "  idempotent";
    }
    if let Some(millis) = fact("aegis.timeout_ms").and_then(|text| text.parse().ok()) {
        let timeout = Duration::from_millis(millis);
        // Writing to a `String` cannot fail.
        let _ = write!(text, "  timeout {}", humantime::format_duration(timeout));
    }
    text
}

fn indented(text: &str, indent: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| format!("{indent}{line}").trim_end().to_owned())
        .collect();
    lines.join("\n")
}
