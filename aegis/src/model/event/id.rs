//! The id of an event, as its publisher says it, and as it travels.
//!
//! A stream stores one message of an id, whatever its subject. So an id that somebody gave travels
//! behind the name of its event: one id of two events is two.

use crate::model::{Headers, header};

/// `{name}/{id}`: an id as it travels.
pub(crate) fn full_id(name: &str, id: &str) -> String {
    format!("{name}/{id}")
}

/// The id of an event as its publisher gave it; what travels otherwise, as of other programs, is
/// taken as it is.
pub(crate) fn event_id<'a>(name: &str, headers: &'a Headers) -> Option<&'a str> {
    let named = |name: &str| headers.get(name).filter(|id| !id.is_empty());
    if let Some(id) = named(header::EVENT_ID) {
        return Some(id);
    }
    // Brought back, the other one says when, and not which one it is.
    let is_first = headers.get(header::ONLY).is_none();
    let id = is_first.then(|| named(header::MESSAGE_ID)).flatten()?;
    let own = id.strip_prefix(name).and_then(|id| id.strip_prefix('/'));
    Some(own.filter(|own| !own.is_empty()).unwrap_or(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_arrives_as_it_was_given() {
        let name = "orders.placed";
        for given in ["order-7", "a/b", "orders.placed/7", "/"] {
            let mut headers = Headers::new();
            headers.own(header::MESSAGE_ID, full_id(name, given));
            assert_eq!(event_id(name, &headers), Some(given));
        }
        for (of_nats, first, expected) in [
            (None, None, None),
            (Some("order-7"), None, Some("order-7")),
            (Some("orders.paid/7"), None, Some("orders.paid/7")),
            (Some("orders.placed"), None, Some("orders.placed")),
            (Some("orders.placed/"), None, Some("orders.placed/")),
            (Some("orders.placed7"), None, Some("orders.placed7")),
            (Some("retry.3.1"), Some("order-7"), Some("order-7")),
            // As it was given.
            (
                Some("retry.3.1"),
                Some("orders.placed/7"),
                Some("orders.placed/7"),
            ),
        ] {
            let mut headers = Headers::new();
            for (name, value) in [(header::MESSAGE_ID, of_nats), (header::EVENT_ID, first)] {
                if let Some(value) = value {
                    headers.own(name, value.to_owned());
                }
            }
            assert_eq!(event_id(name, &headers), expected, "{of_nats:?} {first:?}");
        }
    }
}
