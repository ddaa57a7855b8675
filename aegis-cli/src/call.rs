//! `aegis call`: one call, its result on standard output.

use std::time::Duration;

use aegis::{CallError, Client, ErrorKind, RetryPolicy, ServiceInfo};
use serde_json::Value;

use crate::cli::{Call, Common};
use crate::connection;
use crate::ending::{Answered, Interrupted, Usage};
use crate::input;
use crate::out::Out;
use crate::signals::Signals;

/// How long to ask who is there, when nobody served the call.
const LOOK_AROUND: Duration = Duration::from_millis(300);

/// How arguments are written.
const WRITTEN: &str =
    "write an object with the arguments by name, in single quotes: '{\"a\":1,\"b\":2}'";

pub(crate) async fn run(wish: &Call, common: &Common, out: &Out) -> anyhow::Result<()> {
    let params = input::json(&wish.params, "the arguments are", WRITTEN)?;
    let mut config = common.config_within(wish.timeout)?;
    config.start_log();
    if wish.envelope {
        config = config.envelope();
    }
    let mut signals = Signals::listen()?;
    let client = connection::open(config, &mut signals).await?;
    let outcome = tokio::select! {
        outcome = call(&client, wish, &params) => outcome,
        // The dropped call tells the service that nobody waits any more.
        () = signals.next() => Err(Interrupted.into()),
    };
    tokio::task::yield_now().await;
    connection::close(&client).await;
    let result = outcome?;
    let pretty = out.is_terminal() && !wish.raw;
    out.line(if pretty {
        serde_json::to_string_pretty(&result)?
    } else {
        result.to_string()
    })?;
    Ok(())
}

async fn call(client: &Client, wish: &Call, params: &Value) -> anyhow::Result<Value> {
    let mut call = client.call(&wish.service, &wish.method, params);
    if let Some(time) = wish.timeout {
        call = call.within(time);
    }
    if let Some(instance) = &wish.to {
        call = call.to_instance(instance);
    }
    for (name, value) in &wish.headers {
        call = call.header(name, value);
    }
    if let Some(id) = &wish.correlation_id {
        call = call.correlation_id(id);
    }
    if let Some(key) = &wish.key {
        call = call.idempotency_key(key);
    }
    if wish.retry > 0 {
        let attempts = wish.retry.saturating_add(1);
        call = call.retry(RetryPolicy::default().max_attempts(attempts));
    }
    match call.await {
        Ok(result) => Ok(result),
        Err(CallError::Service(failure)) => Err(Answered(failure).into()),
        Err(CallError::Failed(error)) => Err(explained(client, wish, error).await),
    }
}

/// What is not the service's own error: wrong names, failures of the framework, nobody there.
async fn explained(client: &Client, wish: &Call, error: aegis::Error) -> anyhow::Error {
    match error.kind() {
        // Who notices first that the time is over, the service or this side, makes no difference.
        ErrorKind::Timeout => return error.into(),
        ErrorKind::Invalid if !error.was_sent() => return Usage(error.to_string()).into(),
        ErrorKind::NoService => {
            // Who is there helps to see the mistake; if that cannot be found out, the error stands.
            let found = client.services(LOOK_AROUND).await.unwrap_or_default();
            if let Some(hint) = hint(&found, wish) {
                return anyhow::Error::msg(hint);
            }
        }
        _ => {}
    }
    match error.failure() {
        Some(failure) => Answered(failure.clone()).into(),
        None => error.into(),
    }
}

/// Names with commas between them, if there are any.
pub(crate) fn listed(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| names.join(", "))
}

/// The likely mistake behind a call that nobody served.
fn hint(found: &[ServiceInfo], wish: &Call) -> Option<String> {
    let (service, method) = (&wish.service, &wish.method);
    let mut instances = found.iter().filter(|info| info.name == *service).peekable();
    let Some(&first) = instances.peek() else {
        let mut names: Vec<String> = found.iter().map(|info| info.name.clone()).collect();
        names.dedup();
        let names = listed(&names)?;
        return Some(format!(
            "no instance of {service} is there; there are {names}"
        ));
    };
    let ids: Vec<&str> = instances.map(|info| info.id.as_str()).collect();
    if let Some(to) = wish.to.as_deref().filter(|to| !ids.contains(to)) {
        let ids = ids.join(", ");
        return Some(format!(
            "{service} has no instance {to}; its instances are {ids}"
        ));
    }
    let Some(known) = first.endpoints.iter().find(|end| end.name == *method) else {
        if ["health", "metrics"].contains(&method.as_str()) {
            return Some(format!(
                "{service} does not answer {method}: it was started with `builtin_rpcs = false`"
            ));
        }
        let methods: Vec<&str> = first.endpoints.iter().map(|e| e.name.as_str()).collect();
        let methods = methods.join(", ");
        return Some(format!(
            "{service} has no method {method}; it has {methods}"
        ));
    };
    let kind = known.metadata.get("aegis.kind");
    kind.is_some_and(|kind| kind == "exclusive_rpc").then(|| {
        format!(
            "{service} is there, and nobody leads it at the moment: `aegis leader {service}` shows who \
             does; --retry 10 asks again"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;
    use serde_json::json;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        call: Call,
    }

    #[test]
    fn the_likely_mistake_is_named() {
        let desk = json!({"name": "desk", "id": "desk-1", "version": "1", "endpoints": [
            {"name": "place", "subject": "rpc.desk.place", "metadata": {"aegis.kind": "rpc"}},
            {"name": "close", "subject": "rpc.desk.close", "metadata": {"aegis.kind": "exclusive_rpc"}},
        ]});
        let found: Vec<ServiceInfo> = vec![serde_json::from_value(desk).unwrap()];
        for (words, expected) in [
            (
                "shop place",
                Some("no instance of shop is there; there are desk"),
            ),
            (
                "desk plaec",
                Some("desk has no method plaec; it has place, close"),
            ),
            (
                "desk place --to desk-9",
                Some("desk has no instance desk-9; its instances are desk-1"),
            ),
            (
                "desk health --to desk-9",
                Some("desk has no instance desk-9; its instances are desk-1"),
            ),
            ("desk health", Some("`builtin_rpcs = false`")),
            ("desk place", None),
            ("desk close", Some("nobody leads it at the moment")),
        ] {
            let words = ["call"].into_iter().chain(words.split(' '));
            let wish = Line::parse_from(words).call;
            let said = hint(&found, &wish);
            assert_eq!(said.is_some(), expected.is_some(), "{said:?}");
            let (said, expected) = (said.unwrap_or_default(), expected.unwrap_or_default());
            assert!(said.contains(expected), "{said}");
        }
    }
}
