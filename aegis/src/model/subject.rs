//! Subjects: the addresses of NATS. A [`Subject`] names one, a [`Pattern`] may match several.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::grammar;
use super::name::NameError;

/// A text known at compile time, or one that is shared.
#[derive(Clone)]
enum Text {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Text {
    fn as_str(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// A checked subject: tokens joined by dots, no wildcard, nothing reserved.
///
/// ```
/// use aegis::Subject;
///
/// const PLACED: Subject = Subject::literal("events.order.placed"); // checked by the compiler
/// let parsed = Subject::parse("events.order.placed")?;             // checked at run time
/// assert_eq!(PLACED, parsed);
/// assert!(Subject::parse("events.*").is_err());
/// # Ok::<(), aegis::NameError>(())
/// ```
///
/// ```compile_fail
/// const WRONG: aegis::Subject = aegis::Subject::literal("events..placed");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Subject(Text);

impl Subject {
    /// A subject known at compile time; in a `const` a wrong one does not compile.
    ///
    /// # Panics
    /// Outside a `const`, on a text that is no subject.
    pub const fn literal(text: &'static str) -> Self {
        match grammar::subject(text) {
            Ok(()) => Self(Text::Static(text)),
            #[expect(clippy::panic, reason = "in a const this is the compile error")]
            Err(fault) => panic!("{}", fault.text()),
        }
    }

    /// A subject known at run time.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match grammar::subject(text) {
            Ok(()) => Ok(Self::trusted(text.to_owned())),
            Err(fault) => Err(NameError::new(
                "the subject",
                text,
                fault,
                grammar::TOKEN_RULE,
            )),
        }
    }

    /// A subject put together from checked parts, or one that NATS itself handed over.
    pub(crate) fn trusted(text: impl Into<Arc<str>>) -> Self {
        Self(Text::Shared(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// A checked pattern: a subject whose tokens may be `*` (one token) and whose last may be `>`
/// (one token or more).
///
/// ```
/// use aegis::Pattern;
///
/// let orders = Pattern::parse("events.orders.*")?;
/// assert!(orders.matches("events.orders.placed"));
/// assert!(!orders.matches("events.orders.placed.late"));
/// # Ok::<(), aegis::NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pattern(Text);

impl Pattern {
    /// A pattern known at run time.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match grammar::pattern(text) {
            Ok(()) => Ok(Self::trusted(text.to_owned())),
            Err(fault) => Err(NameError::new(
                "the pattern",
                text,
                fault,
                grammar::TOKEN_RULE,
            )),
        }
    }

    /// A pattern put together from checked parts, or one in a space of NATS itself.
    pub(crate) fn trusted(text: String) -> Self {
        Self(Text::Shared(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Says whether a subject falls under this pattern, by the rules of NATS.
    pub fn matches(&self, subject: &str) -> bool {
        let mut pattern = self.as_str().split('.');
        let mut subject = subject.split('.');
        loop {
            match (pattern.next(), subject.next()) {
                (Some(">"), Some(_)) | (None, None) => return true,
                (Some("*"), Some(_)) => {}
                (Some(expected), Some(found)) if expected == found => {}
                _ => return false,
            }
        }
    }

    /// Says whether every subject under the other pattern falls under this one too.
    pub fn covers(&self, other: &Self) -> bool {
        let mut wide = self.as_str().split('.');
        let mut narrow = other.as_str().split('.');
        loop {
            match (wide.next(), narrow.next()) {
                (Some(">"), Some(_)) | (None, None) => return true,
                (_, Some(">")) => return false,
                (Some("*"), Some(_)) => {}
                (Some(wide), Some(narrow)) if wide == narrow => {}
                _ => return false,
            }
        }
    }

    /// Says whether a subject can fall under both patterns.
    pub fn overlaps(&self, other: &Self) -> bool {
        let mut here = self.as_str().split('.');
        let mut there = other.as_str().split('.');
        loop {
            match (here.next(), there.next()) {
                (Some(">"), Some(_)) | (Some(_), Some(">")) | (None, None) => return true,
                (Some("*"), Some(_)) | (Some(_), Some("*")) => {}
                (Some(here), Some(there)) if here == there => {}
                _ => return false,
            }
        }
    }
}

impl From<Subject> for Pattern {
    fn from(subject: Subject) -> Self {
        Self(subject.0)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    #[test]
    fn subjects_and_patterns_follow_the_grammar() {
        for (text, subject, pattern) in [
            ("events.orders.created", true, true),
            ("rpc.calculator.add", true, true),
            ("a", true, true),
            ("events.*", false, true),
            ("events.>", false, true),
            ("*", false, true),
            (">", false, true),
            ("events.*.created", false, true),
            ("events.a*", false, false),
            ("events.>.x", false, false),
            ("events.x>", false, false),
            ("events..x", false, false),
            (".x", false, false),
            ("x.", false, false),
            ("", false, false),
            ("a b", false, false),
            ("a\tb", false, false),
            ("$JS.API.INFO", false, false),
            ("$KV.x", false, false),
            ("_INBOX.abc", false, false),
            ("päth", false, false),
        ] {
            assert_eq!(Subject::parse(text).is_ok(), subject, "subject {text:?}");
            assert_eq!(Pattern::parse(text).is_ok(), pattern, "pattern {text:?}");
        }
    }

    #[test]
    fn patterns_match_as_the_server_does() {
        for (pattern, subject, matches) in [
            ("a.b", "a.b", true),
            ("a.b", "a.b.c", false),
            ("a.b.c", "a.b", false),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.*", "a.b.c", false),
            ("*.b", "a.b", true),
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
            (">", "a", true),
        ] {
            let pattern = Pattern::parse(pattern).unwrap();
            assert_eq!(pattern.matches(subject), matches, "{pattern} {subject}");
        }
    }

    #[test]
    fn patterns_cover_and_overlap_as_the_server_says() {
        for (one, other, covers, overlaps) in [
            ("a.b", "a.b", true, true),
            ("a.b", "a.c", false, false),
            ("a.*", "a.b", true, true),
            ("a.b", "a.*", false, true),
            ("a.>", "a.*", true, true),
            ("a.*", "a.>", false, true),
            ("a.>", "a.>", true, true),
            ("a.>", "a", false, false),
            ("a.>", "a.b.*.c", true, true),
            ("a.*.c", "a.b.*", false, true),
            ("*.b", "a.*", false, true),
            ("a.*", "a.b.c", false, false),
            (">", "a.b", true, true),
            ("*", ">", false, true),
        ] {
            let (one, other) = (Pattern::parse(one).unwrap(), Pattern::parse(other).unwrap());
            assert_eq!(one.covers(&other), covers, "{one} {other}");
            assert_eq!(one.overlaps(&other), overlaps, "{one} {other}");
            assert_eq!(other.overlaps(&one), overlaps, "{other} {one}");
        }
    }

    proptest! {
        #[test]
        fn patterns_overlap_where_a_subject_falls_under_both(
            one in "[ab*](\\.[ab*]){0,2}(\\.>)?",
            other in "[ab*](\\.[ab*]){0,2}(\\.>)?",
            subject in "[ab](\\.[ab]){0,3}",
        ) {
            let (one, other) = (Pattern::parse(&one).unwrap(), Pattern::parse(&other).unwrap());
            let both = one.matches(&subject) && other.matches(&subject);
            assert!(!both || one.overlaps(&other), "{one} {other} {subject}");
            let within = !one.covers(&other) || !other.matches(&subject) || one.matches(&subject);
            assert!(within, "{one} {other} {subject}");
        }

        #[test]
        fn no_text_panics_and_every_accepted_one_is_safe_on_the_wire(text in any::<String>()) {
            if let Ok(subject) = Subject::parse(&text) {
                assert!(subject.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
                assert!(!subject.as_str().contains(['*', '>', '$']));
                assert!(Pattern::from(subject.clone()).matches(subject.as_str()));
            }
            let _ = Pattern::parse(&text);
        }

        #[test]
        fn joined_tokens_are_a_subject(tokens in proptest::collection::vec("[A-Za-z][A-Za-z0-9_-]{0,8}", 1..8)) {
            let text = tokens.join(".");
            assert_eq!(Subject::parse(&text).unwrap().as_str(), text);
            assert!(Pattern::parse(">").unwrap().matches(&text));
        }
    }
}
