//! The handlers of a service as they stand in its record, so that tools need not know its types.

use serde_json::{Value, json};

use super::descriptor::{HandlerDescriptor, HandlerKind};
use super::event::EventHandler;
use crate::model::Layout;

/// What the record says of the handlers.
pub(crate) fn manifest(rows: &[&'static HandlerDescriptor], layout: &Layout) -> Value {
    rows.iter().map(|row| handler(row, layout)).collect()
}

fn handler(row: &HandlerDescriptor, layout: &Layout) -> Value {
    let rpc = match &row.kind {
        HandlerKind::Rpc(rpc) => rpc,
        HandlerKind::Event(event) => return subscription(row, event, layout),
    };
    json!({
        "name": row.name,
        "kind": rpc.kind(),
        "subject": layout.place(&rpc.subject).as_str(),
        "signature": row.signature,
        "description": row.docs.lines().next().unwrap_or_default().trim(),
        "timeout_ms": rpc.timeout.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
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
        "description": row.docs.lines().next().unwrap_or_default().trim(),
    })
}
