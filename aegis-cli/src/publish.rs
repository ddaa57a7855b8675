//! `aegis publish`: an event, or many alike, each stored before it is told.

use aegis::{Client, ErrorKind, Layout, Published};
use serde::Serialize;
use serde_json::Value;

use crate::cli::{Common, Publish};
use crate::connection;
use crate::ending::{Interrupted, Usage};
use crate::input;
use crate::out::Out;
use crate::signals::Signals;

/// How a payload is written.
const WRITTEN: &str = "write it in single quotes: '{\"id\":\"7\"}', or a text as '\"text\"'";

/// What the stream holds, as `--json` tells it.
#[derive(Serialize)]
struct Told<'a> {
    event: &'a str,
    id: &'a str,
    sequence: u64,
    duplicate: bool,
}

pub(crate) async fn run(wish: &Publish, common: &Common, out: &Out) -> anyhow::Result<()> {
    // What is wrong is told before anything is sent, or asked.
    let named = Layout::default().event(&wish.event);
    named.map_err(|error| Usage(error.to_string()))?;
    let payload = input::json(&wish.payload, "the payload is", WRITTEN)?;
    let mut config = common.config_within(wish.timeout)?;
    config.start_log();
    if wish.envelope {
        config = config.envelope();
    }
    let mut signals = Signals::listen()?;
    let client = connection::open(config, &mut signals).await?;
    let outcome = tokio::select! {
        outcome = all(&client, wish, &payload, out) => outcome,
        () = signals.next() => Err(Interrupted.into()),
    };
    connection::close(&client).await;
    outcome
}

async fn all(client: &Client, wish: &Publish, payload: &Value, out: &Out) -> anyhow::Result<()> {
    for number in 1..=wish.count {
        match one(client, wish, payload, number).await {
            Ok(published) => tell(&published, wish, out)?,
            Err(error) if error.kind() == ErrorKind::Invalid && !error.was_sent() => {
                return Err(Usage(error.to_string()).into());
            }
            Err(error) if wish.count > 1 => {
                let text = format!("{} of {} events were published", number - 1, wish.count);
                return Err(failed(error, wish).context(text));
            }
            Err(error) => return Err(failed(error, wish)),
        }
    }
    Ok(())
}

/// The error, and what can be done if it is not known what became of the event.
fn failed(error: aegis::Error, wish: &Publish) -> anyhow::Error {
    if !error.was_sent() {
        return error.into();
    }
    let way_out = match &wish.id {
        Some(_) => "the same command again stores it once",
        None => "`aegis events --since 1m` shows it if it was; with `--id` it can be repeated",
    };
    let name = &wish.event;
    let text = format!("it is not known whether {name} was stored: {way_out}");
    anyhow::Error::from(error).context(text)
}

async fn one(
    client: &Client,
    wish: &Publish,
    payload: &Value,
    number: u32,
) -> aegis::Result<Published> {
    let mut publish = client.publish_as(&wish.event, payload);
    publish = match &wish.id {
        Some(id) if wish.count > 1 => publish.id(&format!("{id}-{number}")),
        Some(id) => publish.id(id),
        None => publish,
    };
    for (name, value) in &wish.headers {
        publish = publish.header(name, value);
    }
    if let Some(id) = &wish.correlation_id {
        publish = publish.correlation_id(id);
    }
    if let Some(time) = wish.timeout {
        publish = publish.within(time);
    }
    publish.await
}

fn tell(published: &Published, wish: &Publish, out: &Out) -> anyhow::Result<()> {
    let told = Told {
        event: &wish.event,
        id: published.id(),
        sequence: published.sequence(),
        duplicate: published.is_duplicate(),
    };
    if wish.json {
        out.line(serde_json::to_string(&told)?)?;
        return Ok(());
    }
    let again = if told.duplicate {
        "  not stored again: the stream held an event with this id"
    } else {
        ""
    };
    out.line(format_args!(
        "{}  sequence {}  id {}{again}",
        told.event, told.sequence, told.id
    ))?;
    Ok(())
}
