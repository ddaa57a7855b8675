//! The grammar of names and subjects: one set of `const fn`s, used by the compiler and at the edge.
//!
//! `aegis-macros` compiles this same file (through a link), so a literal refused by the macros and
//! a text refused at run time are refused by the same rule.

/// Why a text is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing there.
    Empty,
    /// Longer than the rule allows.
    TooLong,
    /// The first character is not allowed there.
    BadStart,
    /// A character is not allowed.
    BadCharacter,
    /// Two dots in a row, or a dot at an end.
    EmptyToken,
    /// `*` or `>` where exactly one subject is meant.
    Wildcard,
    /// `>` before the end, or as a part of a token.
    TailNotLast,
    /// `*` as a part of a token.
    StarNotWhole,
    /// Starts with what is put before the name of every event.
    EventsBefore,
    /// One token where `domain.type` is meant.
    OneToken,
    /// Starts with `$` or `_INBOX`, which belong to the server and to replies.
    Reserved,
}

impl Fault {
    /// What is wrong, as the end of a sentence.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Empty => "is empty",
            Self::TooLong => "is too long",
            Self::BadStart => "starts with a character that is not allowed there",
            Self::BadCharacter => "has a character that is not allowed",
            Self::EmptyToken => "has an empty token (two dots in a row, or a dot at an end)",
            Self::Wildcard => "has a wildcard, but exactly one subject is meant here",
            Self::TailNotLast => "has a `>` that is not the whole last token",
            Self::StarNotWhole => "has a `*` that is not a whole token",
            Self::EventsBefore => "may not start with `events.`, which is put before it anyway",
            Self::OneToken => "has one token",
            Self::Reserved => "is reserved (`$...` and `_INBOX...` belong to NATS itself)",
        }
    }
}

/// The rule for a service name, for messages.
pub(crate) const SERVICE_RULE: &str = "a letter, then up to 63 letters, digits, `_` or `-`";
/// The rule for a method or command name, for messages.
pub(crate) const METHOD_RULE: &str = "a letter, then up to 63 letters, digits or `_`";
/// The rule for an instance id, for messages.
pub(crate) const INSTANCE_RULE: &str =
    "a letter or digit, then up to 127 letters, digits, `_` or `-`";
/// The rule for the name of an event, for messages.
pub(crate) const EVENT_RULE: &str = "two or more tokens joined by dots, each a letter and then \
                                     letters, digits, `_` or `-`, as `orders.created`";
/// The rule for a pattern for names of events, for messages.
pub(crate) const EVENT_PATTERN_RULE: &str = "the tokens of a name, `*` for any one of them, `>` at \
                                             the end for all that follow, as in `orders.*`";
/// The rule for a subject token, for messages.
pub(crate) const TOKEN_RULE: &str = "tokens of letters, digits, `_` or `-`, joined by dots";

/// Checks a service name: `[A-Za-z][A-Za-z0-9_-]{0,63}`.
pub(crate) const fn service(text: &str) -> Result<(), Fault> {
    word(text.as_bytes(), 64, false, true)
}

/// Checks a method or command name: `[A-Za-z][A-Za-z0-9_]{0,63}`.
pub(crate) const fn method(text: &str) -> Result<(), Fault> {
    word(text.as_bytes(), 64, false, false)
}

/// Checks an instance id: `[A-Za-z0-9][A-Za-z0-9_-]{0,127}`.
pub(crate) const fn instance(text: &str) -> Result<(), Fault> {
    word(text.as_bytes(), 128, true, true)
}

/// Checks a subject that names exactly one destination: no wildcard, nothing reserved.
pub(crate) const fn subject(text: &str) -> Result<(), Fault> {
    tokens(text.as_bytes(), false)
}

/// Checks a pattern: a subject whose tokens may be `*`, and whose last may be `>`.
pub(crate) const fn pattern(text: &str) -> Result<(), Fault> {
    tokens(text.as_bytes(), true)
}

/// Checks the name of an event: two or more tokens, `[A-Za-z][A-Za-z0-9_-]*` each.
pub(crate) const fn event(text: &str) -> Result<(), Fault> {
    let text = text.as_bytes();
    match event_tokens(text, false) {
        Ok(1) => Err(Fault::OneToken),
        Ok(_) => Ok(()),
        Err(fault) => Err(fault),
    }
}

/// Checks a pattern for names of events: tokens may be `*`, and the last may be `>`.
pub(crate) const fn event_pattern(text: &str) -> Result<(), Fault> {
    match event_tokens(text.as_bytes(), true) {
        Ok(1) if !ends_with_tail(text.as_bytes()) => Err(Fault::OneToken),
        Ok(_) => Ok(()),
        Err(fault) => Err(fault),
    }
}

const fn ends_with_tail(text: &[u8]) -> bool {
    !text.is_empty() && text[text.len() - 1] == b'>'
}

/// How many tokens there are, if each is one that a name or a pattern can have.
const fn event_tokens(text: &[u8], wild: bool) -> Result<usize, Fault> {
    match tokens(text, wild) {
        Ok(()) => {}
        Err(fault) => return Err(fault),
    }
    if starts_with(text, b"events.") {
        return Err(Fault::EventsBefore);
    }
    let mut count = 0;
    let mut at = 0;
    while at < text.len() {
        if at == 0 || text[at - 1] == b'.' {
            if !(text[at].is_ascii_alphabetic() || text[at] == b'*' || text[at] == b'>') {
                return Err(Fault::BadStart);
            }
            count += 1;
        }
        at += 1;
    }
    Ok(count)
}

/// Whether a pattern matches a name, both of which have been checked.
pub(crate) const fn covers(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    while p < pattern.len() {
        if n >= name.len() {
            return false;
        }
        match pattern[p] {
            b'>' => return true,
            b'*' => {
                while n < name.len() && name[n] != b'.' {
                    n += 1;
                }
                p += 1;
            }
            byte if byte == name[n] => {
                p += 1;
                n += 1;
            }
            _ => return false,
        }
    }
    n == name.len()
}

const fn word(text: &[u8], longest: usize, digit_first: bool, dash: bool) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(Fault::Empty);
    }
    if text.len() > longest {
        return Err(Fault::TooLong);
    }
    let first = text[0];
    if !(first.is_ascii_alphabetic() || digit_first && first.is_ascii_digit()) {
        return Err(Fault::BadStart);
    }
    let mut at = 1;
    while at < text.len() {
        let byte = text[at];
        if !(byte.is_ascii_alphanumeric() || byte == b'_' || dash && byte == b'-') {
            return Err(Fault::BadCharacter);
        }
        at += 1;
    }
    Ok(())
}

/// Longest subject accepted, in bytes: a NATS protocol line holds 4,096 by default.
const LONGEST_SUBJECT: usize = 1024;

const fn tokens(text: &[u8], wild: bool) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(Fault::Empty);
    }
    if text.len() > LONGEST_SUBJECT {
        return Err(Fault::TooLong);
    }
    if text[0] == b'$' || starts_with(text, b"_INBOX") {
        return Err(Fault::Reserved);
    }
    let mut start = 0;
    let mut at = 0;
    while at <= text.len() {
        if at == text.len() || text[at] == b'.' {
            match token(text, start, at, wild) {
                Ok(()) => start = at + 1,
                fault => return fault,
            }
        }
        at += 1;
    }
    Ok(())
}

const fn token(text: &[u8], start: usize, end: usize, wild: bool) -> Result<(), Fault> {
    if start == end {
        return Err(Fault::EmptyToken);
    }
    let mut at = start;
    while at < end {
        let byte = text[at];
        match byte {
            b'*' | b'>' if !wild => return Err(Fault::Wildcard),
            b'*' if end - start != 1 => return Err(Fault::StarNotWhole),
            b'>' if end - start != 1 || end != text.len() => return Err(Fault::TailNotLast),
            b'*' | b'>' | b'_' | b'-' => {}
            _ if byte.is_ascii_alphanumeric() => {}
            _ => return Err(Fault::BadCharacter),
        }
        at += 1;
    }
    Ok(())
}

const fn starts_with(text: &[u8], start: &[u8]) -> bool {
    if text.len() < start.len() {
        return false;
    }
    let mut at = 0;
    while at < start.len() {
        if text[at] != start[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Checks a version by the precedence rules of semver.org 2.0: `MAJOR.MINOR.PATCH[-pre][+build]`.
///
/// The NATS micro protocol (ADR-32) asks for it.
pub(crate) const fn version(text: &str) -> Result<(), Fault> {
    let text = text.as_bytes();
    if text.is_empty() {
        return Err(Fault::Empty);
    }
    let mut at = 0;
    let mut part = 0;
    while part < 3 {
        let start = at;
        while at < text.len() && text[at].is_ascii_digit() {
            at += 1;
        }
        if at == start || (at - start > 1 && text[start] == b'0') {
            return Err(Fault::BadCharacter);
        }
        part += 1;
        if part < 3 {
            if at == text.len() || text[at] != b'.' {
                return Err(Fault::EmptyToken);
            }
            at += 1;
        }
    }
    if at == text.len() {
        return Ok(());
    }
    if text[at] != b'-' && text[at] != b'+' {
        return Err(Fault::BadCharacter);
    }
    identifiers(text, at)
}

/// `-pre.release+build.info`: dot-separated identifiers, `+` at most once, none empty, and no
/// numeric pre-release identifier with a leading zero.
const fn identifiers(text: &[u8], from: usize) -> Result<(), Fault> {
    let mut build = text[from] == b'+';
    let mut start = from + 1;
    let mut at = start;
    while at <= text.len() {
        let end = at == text.len();
        if end || text[at] == b'.' || text[at] == b'+' {
            if at == start {
                return Err(Fault::EmptyToken);
            }
            if !build && at - start > 1 && text[start] == b'0' && digits(text, start, at) {
                return Err(Fault::BadCharacter);
            }
            if !end && text[at] == b'+' {
                if build {
                    return Err(Fault::BadCharacter);
                }
                build = true;
            }
            start = at + 1;
        } else if !(text[at].is_ascii_alphanumeric() || text[at] == b'-') {
            return Err(Fault::BadCharacter);
        }
        at += 1;
    }
    Ok(())
}

const fn digits(text: &[u8], start: usize, end: usize) -> bool {
    let mut at = start;
    while at < end {
        if !text[at].is_ascii_digit() {
            return false;
        }
        at += 1;
    }
    true
}

/// The code of an error that names none of its own.
pub(crate) const INTERNAL: &str = "INTERNAL";

/// Codes with a meaning of the framework's own: a domain error may not use them.
pub(crate) const RESERVED_CODES: &[&str] = &[
    "INVALID_PARAMS",
    "UNKNOWN_METHOD",
    "FORBIDDEN",
    "TIMEOUT",
    "CONFLICT",
    "TOO_LARGE",
    "OVERLOADED",
    "CANCELLED",
    INTERNAL,
    "NOT_ACTIVE",
    "OUTCOME_UNKNOWN",
    "DRAINING",
];

/// Checks an error code: `[A-Z][A-Z0-9_]{0,63}`.
pub(crate) const fn code(text: &str) -> Result<(), Fault> {
    let text = text.as_bytes();
    if text.is_empty() {
        return Err(Fault::Empty);
    }
    if text.len() > 64 {
        return Err(Fault::TooLong);
    }
    if !text[0].is_ascii_uppercase() {
        return Err(Fault::BadStart);
    }
    let mut at = 1;
    while at < text.len() {
        if !(text[at].is_ascii_uppercase() || text[at].is_ascii_digit() || text[at] == b'_') {
            return Err(Fault::BadCharacter);
        }
        at += 1;
    }
    Ok(())
}
