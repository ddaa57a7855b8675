//! How values look: as they are, on one line, as JSON.

use aegis::{Change, Entry, Removal, Removed};
use bytes::Bytes;
use data_encoding::BASE64;
use serde::Serialize;
use serde_json::Value;

use crate::out::{cut, moment, plain};

/// So many characters of a value are shown on a line.
const SHOWN: usize = 300;

/// A value or a removal, as `--json` writes it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Json<'a> {
    /// What happened; not said of the answer to `get`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bucket: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) revision: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created: Option<String>,
    /// The value, if it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    /// The value, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) base64: Option<String>,
    /// What the text says, if it is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

impl<'a> Json<'a> {
    /// An event without a key.
    pub(super) fn event(event: &'static str) -> Self {
        Self {
            event: Some(event),
            ..Self::default()
        }
    }

    /// A value.
    pub(super) fn entry(bucket: &'a str, entry: &'a Entry<Bytes>) -> Self {
        let text = std::str::from_utf8(&entry.value).ok();
        Self {
            bucket: Some(bucket),
            key: Some(&entry.key),
            revision: Some(entry.revision),
            created: Some(moment(entry.created, true)),
            text,
            base64: text.is_none().then(|| BASE64.encode(&entry.value)),
            value: text.and_then(|text| serde_json::from_str(text).ok()),
            ..Self::default()
        }
    }

    fn removed(bucket: &'a str, removed: &'a Removed) -> Self {
        Self {
            bucket: Some(bucket),
            key: Some(&removed.key),
            revision: Some(removed.revision),
            created: Some(moment(removed.created, true)),
            ..Self::event(why(removed))
        }
    }

    /// What a watch tells, and what a history holds.
    pub(super) fn change(bucket: &'a str, change: &'a Change<Bytes>) -> Self {
        match change {
            Change::Put(entry) => Self {
                event: Some("put"),
                ..Self::entry(bucket, entry)
            },
            Change::Removed(removed) => Self::removed(bucket, removed),
            Change::Reset => Self::event("reset"),
            // The list of changes is open: what is not known tells no more than that.
            _ => Self::event("live"),
        }
    }
}

fn why(removed: &Removed) -> &'static str {
    match removed.why {
        Removal::Purged => "purged",
        Removal::Expired => "expired",
        _ => "deleted",
    }
}

/// `2026-01-01T00:00:00Z  put      7  user:1  {"name":"Ann"}`; none if it is about no key.
pub(super) fn line(change: &Change<Bytes>) -> Option<String> {
    let (at, event, revision, key, value) = match change {
        Change::Put(entry) => {
            let value = short(&entry.value);
            (entry.created, "put", entry.revision, &entry.key, value)
        }
        Change::Removed(removed) => {
            let (at, revision) = (removed.created, removed.revision);
            (at, why(removed), revision, &removed.key, String::new())
        }
        _ => return None,
    };
    let at = moment(at, false);
    let line = format!("{at}  {event:7}  {revision}  {}  {value}", plain(key));
    Some(line.trim_end().to_owned())
}

/// A value on one line, cut if it is long.
fn short(value: &Bytes) -> String {
    let Ok(text) = std::str::from_utf8(value) else {
        return format!("({} bytes, no text)", value.len());
    };
    plain(&cut(text, SHOWN))
}

/// The value as a terminal can show it: text that does not steer it.
pub(super) fn for_terminal(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    let steers = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r');
    (!text.contains(steers)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_goes_to_a_terminal() {
        for (value, shown) in [
            (&b"text\n\tline"[..], true),
            ("ütf \u{1f600}".as_bytes(), true),
            (b"", true),
            (b"\xff\xfe", false),
            (b"\x1b[2J", false),
            (b"a\0b", false),
        ] {
            assert_eq!(for_terminal(value).is_some(), shown, "{value:?}");
        }
    }

    #[test]
    fn a_value_on_a_line_is_cut_and_steers_nothing() {
        assert_eq!(short(&Bytes::from("a\nb\u{1b}[2J")), "a\\nb\\u{1b}[2J");
        assert_eq!(short(&Bytes::from_static(b"\xff")), "(1 bytes, no text)");
        let long = short(&Bytes::from("x".repeat(1000)));
        assert!(
            long.ends_with("x.. (1000 bytes)") && long.len() < 330,
            "{long}"
        );
    }
}
