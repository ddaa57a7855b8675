//! Which keys are meant: all, one, or those whose text starts with a prefix.

use super::key::{KvKey, encode_part, stays_a_dot};

/// A choice of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KvFilter {
    /// Every key of the bucket.
    All,
    /// One key.
    Key(KvKey),
    /// The keys whose text starts so.
    Prefix(String),
}

impl KvFilter {
    /// Whether a key is chosen.
    pub fn matches(&self, key: &KvKey) -> bool {
        match self {
            Self::All => true,
            Self::Key(one) => one == key,
            Self::Prefix(prefix) => key.text().starts_with(prefix.as_str()),
        }
    }

    /// Patterns for keys on the wire that together choose at least these keys: the server sorts
    /// out what it can, [`matches`](Self::matches) the rest. They do not overlap.
    pub fn patterns(&self) -> Vec<String> {
        match self {
            Self::All => vec![">".to_owned()],
            Self::Key(key) => vec![key.wire().to_owned()],
            Self::Prefix(prefix) => prefix_patterns(prefix),
        }
    }
}

/// Whole tokens of a prefix are a pattern. The foreign keys of other programs, which are their own
/// text, are found as well: up to the last such dot text and wire are the same or both encoded.
fn prefix_patterns(prefix: &str) -> Vec<String> {
    let bytes = prefix.as_bytes();
    let Some(dot) = (0..bytes.len()).rfind(|at| stays_a_dot(bytes, *at)) else {
        return vec![">".to_owned()];
    };
    let before = encode_part(&prefix[..dot]);
    // A foreign key may have such a part without being encoded.
    if before != prefix[..dot] {
        return vec![">".to_owned()];
    }
    let mut patterns = vec![format!("{before}.>")];
    if dot + 1 == bytes.len() {
        // The prefix itself, as a key, ends with this dot, which is encoded there.
        patterns.push(encode_part(prefix));
    }
    patterns
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    fn covers(pattern: &str, wire: &str) -> bool {
        match pattern.strip_suffix('>') {
            Some(start) => wire.len() > start.len() && wire.starts_with(start),
            None => pattern == wire,
        }
    }

    #[test]
    fn whole_plain_tokens_are_left_to_the_server() {
        for (prefix, patterns) in [
            ("", &[">"][..]),
            ("user", &[">"]),
            ("user:", &[">"]),
            ("user.", &["user.>", "user=2E"]),
            ("user.1", &["user.>"]),
            ("a.b.c", &["a.b.>"]),
            ("a..", &["a.>"]),
            (".", &[">"]),
            ("a b.c", &[">"]),
        ] {
            let filter = KvFilter::Prefix(prefix.to_owned());
            assert_eq!(filter.patterns(), patterns, "{prefix:?}");
        }
    }

    proptest! {
        #[test]
        fn no_key_with_the_prefix_is_missed(text in "[.=2E a]{0,8}", cut in 0usize..9) {
            let key = KvKey::new(&text).unwrap();
            let prefix = &text[..cut.min(text.len())];
            let filter = KvFilter::Prefix(prefix.to_owned());
            prop_assert!(filter.matches(&key));
            let found = filter.patterns().iter().filter(|p| covers(p, key.wire())).count();
            prop_assert!(found == 1, "{} by {:?}", key.wire(), filter.patterns());
        }

        #[test]
        fn no_foreign_key_with_the_prefix_is_missed(wire in "[=2Ea]{1,4}(\\.[=2Ea]{1,4}){0,2}", cut in 0usize..9) {
            let key = KvKey::from_wire(&wire);
            let prefix: String = key.text().chars().take(cut).collect();
            let filter = KvFilter::Prefix(prefix);
            let found = filter.patterns().iter().filter(|p| covers(p, key.wire())).count();
            prop_assert!(found == 1, "{} by {:?}", key.wire(), filter.patterns());
        }
    }
}
