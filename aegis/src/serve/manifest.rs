//! The handlers of a service as they stand in its record, so that tools need not know its types.

use std::time::Duration;

use serde_json::{Value, json};

use super::command::CommandHandler;
use super::descriptor::{HandlerDescriptor, HandlerKind};
use super::event::EventHandler;
use crate::model::{Layout, Subject};

/// What the record says of the handlers.
pub(crate) fn manifest(rows: &[&'static HandlerDescriptor], layout: &Layout) -> Value {
    rows.iter().map(|row| handler(row, layout)).collect()
}

fn handler(row: &HandlerDescriptor, layout: &Layout) -> Value {
    let rpc = match &row.kind {
        HandlerKind::Rpc(rpc) => rpc,
        HandlerKind::Event(event) => return subscription(row, event, layout),
        HandlerKind::Command(handler) => return command(row, handler, layout),
    };
    json!({
        "name": row.name,
        "kind": rpc.kind(),
        "subject": layout.place(&rpc.subject).as_str(),
        "signature": row.signature,
        "description": headline(row),
        "timeout_ms": rpc.timeout.map(millis),
        "idempotent": rpc.idempotent,
    })
}

fn subscription(row: &HandlerDescriptor, event: &EventHandler, layout: &Layout) -> Value {
    let patterns = event.patterns();
    let subjects: Vec<String> = patterns
        .iter()
        .map(|pattern| layout.event_pattern(pattern).to_string())
        .collect();
    json!({
        "name": row.name,
        "kind": EventHandler::KIND,
        "mode": event.mode.to_string(),
        "subject": subjects.join(" "),
        "signature": row.signature,
        "description": headline(row),
    })
}

fn command(row: &HandlerDescriptor, handler: &CommandHandler, layout: &Layout) -> Value {
    let lanes = Subject::trusted(format!("commands.{}.{}.*", handler.service, row.name));
    json!({
        "name": row.name,
        "kind": CommandHandler::KIND,
        "subject": layout.place(&lanes).as_str(),
        "signature": row.signature,
        "description": headline(row),
        "timeout_ms": handler.timeout.map(millis),
    })
}

fn headline(row: &HandlerDescriptor) -> &str {
    row.docs.lines().next().unwrap_or_default().trim()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
