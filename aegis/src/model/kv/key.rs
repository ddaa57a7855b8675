//! Keys: any text, written with the characters that NATS allows.
//!
//! NATS takes `[-/_=.A-Za-z0-9]` without a dot at an end and without two dots in a row. A text of
//! that kind stays as it is, so that other tools see `user.123`. Every other byte, and every dot
//! in a wrong place, becomes `=` and two capital hexadecimal digits; so does a `=` that two such
//! digits follow. The empty text is a lone `=`.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Longest key in its encoded form: with the bucket and what a client adds it must fit into one
/// line of the protocol, which is 4,096 bytes by default.
const LONGEST: usize = 2048;
/// The empty text on the wire.
const EMPTY: &str = "=";
/// Before the keys that are the framework's own: 0xFE is no byte of UTF-8, so no text is ever
/// written so.
pub(crate) const RESERVED: &str = "=FE.";

/// A text that cannot be a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a key of {size} bytes ({encoded} with what must be encoded) is too long: at most {LONGEST} \
     encoded bytes; put the long part into the value, or use its hash"
)]
pub struct KeyError {
    size: usize,
    encoded: usize,
}

/// A key: its text, and how it stands on the wire.
///
/// ```
/// use aegis::port::KvKey;
///
/// assert_eq!(KvKey::new("user.123")?.wire(), "user.123");
/// assert_eq!(KvKey::new("user:Ann Lee")?.wire(), "user=3AAnn=20Lee");
/// assert_eq!(KvKey::from_wire("user=3AAnn=20Lee").text(), "user:Ann Lee");
/// # Ok::<(), aegis::Error>(())
/// ```
#[derive(Clone)]
pub struct KvKey {
    wire: Arc<str>,
    /// None if the text is the same.
    text: Option<Arc<str>>,
}

impl KvKey {
    /// The key of a text. Errors: longer than 2,048 bytes in its encoded form.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        // A long text does not become a longer one first.
        let wire = match text.len() {
            0..=LONGEST => encode(text),
            size => {
                return Err(KeyError {
                    size,
                    encoded: size,
                });
            }
        };
        if wire.len() > LONGEST {
            return Err(KeyError {
                size: text.len(),
                encoded: wire.len(),
            });
        }
        let text = (wire != text).then(|| Arc::from(text));
        Ok(Self {
            wire: wire.into(),
            text,
        })
    }

    /// The key that stands on the wire. One that this encoding would not write, but another
    /// program wrote (such as `a=41`, which would be `aA`), is its own text: so no two keys of a
    /// bucket become one.
    pub fn from_wire(wire: &str) -> Self {
        let text = decode(wire).filter(|text| encode(text) == wire);
        Self {
            wire: wire.into(),
            text: text.filter(|text| text != wire).map(Arc::from),
        }
    }

    /// The key that keeps a group's fence in a bucket: `=FE.{service}.{group}`. Its value is the
    /// epoch of the leader that raised it, as decimal text. Errors: longer than 2,048 bytes.
    pub fn fence(service: &str, group: &str) -> Result<Self, KeyError> {
        let name = Self::new(&format!("{service}.{group}"))?;
        let wire = format!("{RESERVED}{}", name.wire);
        if wire.len() > LONGEST {
            return Err(KeyError {
                size: name.text().len(),
                encoded: wire.len(),
            });
        }
        Ok(Self {
            wire: wire.into(),
            text: None,
        })
    }

    /// Whether it is one of the framework's own. Ports show these keys as all others; a
    /// [`Bucket`](crate::Bucket) never does.
    pub fn is_reserved(&self) -> bool {
        self.wire.starts_with(RESERVED)
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.text.as_ref().unwrap_or(&self.wire)
    }

    /// The encoded form: what stands behind `$KV.{bucket}.`.
    pub fn wire(&self) -> &str {
        &self.wire
    }
}

impl PartialEq for KvKey {
    fn eq(&self, other: &Self) -> bool {
        self.wire == other.wire
    }
}

impl Eq for KvKey {}

impl Hash for KvKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.wire.hash(state);
    }
}

impl fmt::Debug for KvKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text())
    }
}

impl fmt::Display for KvKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

fn encode(text: &str) -> String {
    match text {
        "" => EMPTY.to_owned(),
        // It stands for the empty text.
        EMPTY => "=3D".to_owned(),
        text => encode_part(text),
    }
}

/// Encodes a text, or the part of one before a dot that stays a dot.
pub(super) fn encode_part(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut wire = String::with_capacity(bytes.len());
    for (at, byte) in bytes.iter().copied().enumerate() {
        let plain = match byte {
            b'.' => stays_a_dot(bytes, at) && at + 1 < bytes.len(),
            b'=' => !starts_escape(&bytes[at..]),
            b'-' | b'/' | b'_' => true,
            byte => byte.is_ascii_alphanumeric(),
        };
        if plain {
            wire.push(char::from(byte));
        } else {
            wire.push('=');
            wire.push(digit(byte >> 4));
            wire.push(digit(byte & 0xf));
        }
    }
    wire
}

/// Whether a dot separates tokens on the wire, if something follows it.
pub(super) fn stays_a_dot(text: &[u8], at: usize) -> bool {
    at > 0 && text[at] == b'.' && text[at - 1] != b'.'
}

fn starts_escape(rest: &[u8]) -> bool {
    matches!(rest, [b'=', high, low, ..] if value(*high).is_some() && value(*low).is_some())
}

fn digit(half: u8) -> char {
    char::from(if half < 10 {
        b'0' + half
    } else {
        b'A' + half - 10
    })
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The text, unless the escapes give none.
fn decode(wire: &str) -> Option<String> {
    if wire == EMPTY {
        return Some(String::new());
    }
    let mut rest = wire.as_bytes();
    let mut text = Vec::with_capacity(rest.len());
    while let Some(byte) = rest.first().copied() {
        let escape = match rest {
            [b'=', high, low, ..] => value(*high).zip(value(*low)),
            _ => None,
        };
        match escape {
            Some((high, low)) => text.push(high << 4 | low),
            None => text.push(byte),
        }
        rest = &rest[if escape.is_some() { 3 } else { 1 }..];
    }
    String::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    fn allowed(wire: &str) -> bool {
        let characters = wire
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-/_=.".contains(&byte));
        characters && wire.split('.').all(|token| !token.is_empty())
    }

    #[test]
    fn texts_and_how_they_are_written() {
        for (text, wire) in [
            ("user.123", "user.123"),
            (
                "service-instances.calculator.calculator-2",
                "service-instances.calculator.calculator-2",
            ),
            ("a/b_c-d", "a/b_c-d"),
            ("YWJj=", "YWJj="),
            ("a=b", "a=b"),
            ("a=41", "a=3D41"),
            ("a=4", "a=4"),
            ("a=4g", "a=4g"),
            ("a=ab", "a=ab"),
            ("a= ", "a==20"),
            ("", "="),
            ("=", "=3D"),
            ("==", "=="),
            ("user:1", "user=3A1"),
            ("a b", "a=20b"),
            (".", "=2E"),
            ("..", "=2E=2E"),
            (".a", "=2Ea"),
            ("a.", "a=2E"),
            ("a..b", "a.=2Eb"),
            ("a...b", "a.=2E=2Eb"),
            ("*", "=2A"),
            (">", "=3E"),
            ("a.*.>", "a.=2A.=3E"),
            ("\0", "=00"),
            ("grüße", "gr=C3=BC=C3=9Fe"),
            ("👋", "=F0=9F=91=8B"),
            ("a\r\nPUB", "a=0D=0APUB"),
        ] {
            let key = KvKey::new(text).unwrap();
            assert_eq!(key.wire(), wire, "{text:?}");
            assert!(allowed(wire), "{wire}");
            assert_eq!(KvKey::from_wire(wire).text(), text, "{wire}");
        }
    }

    #[test]
    fn keys_of_other_programs_are_their_own_text() {
        for wire in ["a=41", "=FF", "a=2Eb", "=C3", "=2E.a", "=3D=20"] {
            let key = KvKey::from_wire(wire);
            assert_eq!((key.wire(), key.wire()), (wire, wire));
            let same = KvKey::new(key.text()).unwrap();
            assert!(key.text() == wire || same.wire() == wire, "{wire}");
        }
    }

    #[test]
    fn no_text_is_a_reserved_key() {
        let fence = KvKey::fence("ledger", "main books").unwrap();
        assert_eq!(fence.wire(), "=FE.ledger.main=20books");
        assert!(fence.is_reserved() && allowed(fence.wire()));
        assert_eq!(KvKey::from_wire(fence.wire()), fence);
        let same = KvKey::new(fence.text()).unwrap();
        assert!(!same.is_reserved() && same != fence, "{}", same.wire());
        assert!(!KvKey::from_wire("=FE").is_reserved());
        assert_eq!(
            KvKey::fence("a", "").unwrap().wire(),
            "=FE.a=2E",
            "no token is empty"
        );
        assert!(KvKey::fence("a", &"x".repeat(2042)).is_ok());
        assert!(KvKey::fence("a", &"x".repeat(2043)).is_err());
    }

    #[test]
    fn a_long_key_is_refused_with_the_limit() {
        assert!(KvKey::new(&"x".repeat(2048)).is_ok());
        for text in ["x".repeat(2049), " ".repeat(683), "x".repeat(10_000_000)] {
            let error = KvKey::new(&text).unwrap_err().to_string();
            assert!(error.contains("2048") && error.len() < 300, "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in any::<String>()) {
            let Ok(key) = KvKey::new(&text) else { return Ok(()) };
            prop_assert!(allowed(key.wire()));
            prop_assert!(!key.is_reserved());
            let back = KvKey::from_wire(key.wire());
            prop_assert_eq!(back.text(), text);
        }

        #[test]
        fn texts_of_the_awkward_characters_come_back(text in "[.=0-9A-Ga b]{0,12}") {
            let key = KvKey::new(&text).unwrap();
            prop_assert!(allowed(key.wire()));
            let back = KvKey::from_wire(key.wire());
            prop_assert_eq!(back.text(), text);
        }

        #[test]
        fn two_wires_are_two_keys(one in "[.=0-9A-F]{1,8}", other in "[.=0-9A-F]{1,8}") {
            // Whoever wrote them: a text that came from the encoding has no second wire form.
            let (one, other) = (KvKey::from_wire(&one), KvKey::from_wire(&other));
            let canonical = |key: &KvKey| KvKey::new(key.text()).unwrap() == *key;
            if canonical(&one) && canonical(&other) {
                prop_assert_eq!(one == other, one.text() == other.text());
            }
        }
    }
}
