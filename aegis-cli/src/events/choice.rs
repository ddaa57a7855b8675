//! Which events are shown: by who published them, and by fields of their payloads.

use aegis::AnyEvent;
use serde_json::Value;

use crate::cli::Events;

/// What was asked for beside the pattern.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice<'a> {
    source: Option<&'a str>,
    fields: &'a [(String, String)],
}

impl<'a> Choice<'a> {
    pub(super) fn of(wish: &'a Events) -> Self {
        Self {
            source: wish.source.as_deref(),
            fields: &wish.fields,
        }
    }

    /// Whether an event is one of them; its payload is none if it cannot be read.
    pub(super) fn takes(self, event: &AnyEvent, payload: Option<&Value>) -> bool {
        if self.source.is_some() && self.source != event.source() {
            return false;
        }
        let mut fields = self.fields.iter();
        fields.all(|(field, text)| payload.is_some_and(|payload| holds(payload, field, text)))
    }
}

/// Whether a field, `a.b` is that in a field, says this.
fn holds(payload: &Value, field: &str, text: &str) -> bool {
    let whole = payload.get(field);
    let found = whole.or_else(|| field.split('.').try_fold(payload, deeper));
    match found {
        Some(Value::String(found)) => found == text,
        Some(found) => serde_json::from_str(text).is_ok_and(|asked| same(found, &asked)),
        None => false,
    }
}

/// A field of an object, or by its number an element of a list.
fn deeper<'a>(value: &'a Value, field: &str) -> Option<&'a Value> {
    match value {
        Value::Array(all) => all.get(field.parse::<usize>().ok()?),
        value => value.get(field),
    }
}

/// `7` and `7.0` are the same number.
fn same(found: &Value, asked: &Value) -> bool {
    if found == asked {
        return true;
    }
    let whole = |value: &Value| value.is_i64() || value.is_u64();
    if whole(found) && whole(asked) {
        return false;
    }
    #[expect(clippy::float_cmp, reason = "a text is asked for, not a result")]
    match (found.as_f64(), asked.as_f64()) {
        (Some(found), Some(asked)) => found == asked,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_compared_with_a_text() {
        let payload = json!({
            "id": "7", "price": 1.5, "qty": 7, "big": 9_007_199_254_740_993_u64, "paid": true,
            "note": null, "customer": {"id": "c-1"}, "a.b": "dotted", "items": [{"sku": "chair"}],
        });
        for (field, text, holding) in [
            ("id", "7", true),
            ("id", "\"7\"", false),
            ("id", "8", false),
            ("price", "1.50", true),
            ("qty", "7", true),
            ("qty", "7.0", true),
            ("qty", "seven", false),
            ("big", "9007199254740993", true),
            ("big", "9007199254740992", false),
            ("paid", "true", true),
            ("note", "null", true),
            ("note", "", false),
            ("customer.id", "c-1", true),
            ("customer", "{\"id\": \"c-1\"}", true),
            ("a.b", "dotted", true),
            ("items.0.sku", "chair", true),
            ("items.1.sku", "chair", false),
            ("id.x", "7", false),
            ("", "7", false),
            ("other", "null", false),
        ] {
            assert_eq!(holds(&payload, field, text), holding, "{field}={text}");
        }
        assert!(!holds(&json!("7"), "id", "7"));
    }
}
