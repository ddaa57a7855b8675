//! The handlers of a service as they stand in its record, so that tools need not know its types.

use serde_json::{Value, json};

use super::descriptor::{HandlerDescriptor, HandlerKind};
use crate::model::Layout;

/// What the record says of the handlers.
pub(crate) fn manifest(rows: &[&'static HandlerDescriptor], layout: &Layout) -> Value {
    rows.iter().map(|row| handler(row, layout)).collect()
}

fn handler(row: &HandlerDescriptor, layout: &Layout) -> Value {
    let HandlerKind::Rpc(rpc) = &row.kind;
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
