//! A bucket as it is asked for, as it is found, and how the two differ.

use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;

use super::entry::whole_seconds;

/// What a bucket may hold if nothing is said: a stream without a limit can fill the store, and
/// then everything stops.
pub(crate) const DEFAULT_MAX_BYTES: u64 = 64 * 1024 * 1024;
/// How long the marker of an expired value stays, so that a watch that was away hears of it.
pub(crate) const MARKER_TTL: Duration = Duration::from_secs(3600);
/// Longest name: with `KV_` before it, it is the name of a folder.
const LONGEST_NAME: usize = 200;
const MOST_HISTORY: u8 = 64;
const MOST_REPLICAS: u8 = 5;
/// What NATS cannot express in its nanoseconds would not be noticed anyway.
const LONGEST_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Where a bucket is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Storage {
    /// On disk.
    #[default]
    File,
    /// In the server's memory: gone when the server ends.
    Memory,
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Memory => "memory",
        })
    }
}

/// A bucket that is asked for. What is `None` was not asked for: a new bucket gets the default, an
/// existing one is taken as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BucketSpec {
    /// Its name on the server: up to 200 letters, digits, `_` or `-`.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Revisions kept per key, 1 to 64; default 1.
    pub history: Option<u8>,
    /// How long every value lives, at least 1 s; default for ever.
    pub ttl: Option<Duration>,
    /// The largest value in bytes; default what the server takes in one message.
    pub max_value: Option<u32>,
    /// How many bytes the bucket may hold; default 64 MiB.
    pub max_bytes: Option<u64>,
    /// Where it is kept; default on disk.
    pub storage: Option<Storage>,
    /// On how many servers it is kept, 1 to 5; default 1.
    pub replicas: Option<u8>,
    /// The same for a bucket that does not exist yet, if `replicas` does not say it.
    pub replicas_if_new: Option<u8>,
    /// Values with a time to live of their own must be possible; without this they are where the
    /// server can.
    pub key_ttl: bool,
    /// The revision of the first write; only a new bucket can obey.
    pub first_sequence: Option<u64>,
}

/// On how many servers of a cluster something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Replicas {
    /// What is asked for: something that exists on fewer is an error.
    pub(crate) asked: Option<u8>,
    /// What something new gets if nothing is asked for.
    pub(crate) if_new: Option<u8>,
}

/// A bucket, a stream or a consumer that cannot be asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SpecError(String);

impl SpecError {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }
}

/// What is known of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BucketStatus {
    /// Its name on the server.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// How many revisions it holds, marks of deletions and fences of leaders included.
    pub entries: u64,
    /// How many bytes it holds.
    pub bytes: u64,
    /// The newest revision; 0 if nothing was ever written.
    pub last_revision: u64,
    /// Revisions kept per key.
    pub history: u8,
    /// How long every value lives.
    pub ttl: Option<Duration>,
    /// The largest value in bytes.
    pub max_value: Option<u32>,
    /// How many bytes it may hold; none is no limit.
    pub max_bytes: Option<u64>,
    /// Where it is kept.
    pub storage: Storage,
    /// On how many servers.
    pub replicas: u8,
    /// Whether a value can have a time to live of its own.
    pub key_ttl: bool,
    /// How long the marker stays that tells of an expired value; none if nobody is told.
    pub marker_ttl: Option<Duration>,
    /// When it was made, by the server's clock: one made anew has another time.
    pub created: OffsetDateTime,
}

/// What an existing bucket is otherwise than asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Differences {
    /// It cannot give what was asked for.
    pub(crate) serious: Vec<String>,
    /// It gives more, or the same in another way.
    pub(crate) harmless: Vec<String>,
}

impl BucketSpec {
    /// A bucket of this name, with nothing else asked for.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// Whether a name can be that of a bucket.
    pub fn check_name(name: &str) -> Result<(), SpecError> {
        let right = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(right) {
            return Ok(());
        }
        let shown: String = name.chars().take(80).collect();
        Err(SpecError(format!(
            "the bucket name {shown:?} is not allowed: it is up to {LONGEST_NAME} letters, \
             digits, `_` or `-`"
        )))
    }

    /// On how many servers it is to be kept.
    pub(crate) fn keep_on(&mut self, replicas: Replicas) {
        self.replicas = replicas.asked;
        self.replicas_if_new = replicas.if_new;
    }

    /// On how many servers a new bucket of this kind is kept.
    pub(crate) fn servers(&self) -> u8 {
        self.replicas.or(self.replicas_if_new).unwrap_or(1)
    }

    /// Whether such a bucket can be.
    pub fn check(&self) -> Result<(), SpecError> {
        Self::check_name(&self.name)?;
        let refuse = |what: &str| {
            let name = &self.name;
            Err(SpecError(format!("the bucket {name} cannot be: {what}")))
        };
        match (self.history, self.replicas.or(self.replicas_if_new)) {
            (Some(history), _) if !(1..=MOST_HISTORY).contains(&history) => {
                return refuse("`history` is 1 to 64 revisions per key");
            }
            (_, Some(replicas)) if !(1..=MOST_REPLICAS).contains(&replicas) => {
                return refuse("`replicas` is 1 to 5 servers");
            }
            _ => {}
        }
        if self.ttl.is_some_and(|ttl| check_ttl(ttl).is_err()) {
            return refuse("`ttl` is at least 1 s and at most 100 years");
        }
        if self.max_bytes == Some(0) || self.max_value == Some(0) {
            return refuse("`max_bytes` and `max_value` are at least 1 byte");
        }
        // The store counts in signed numbers.
        if self
            .max_bytes
            .is_some_and(|bytes| i64::try_from(bytes).is_err())
            || self
                .max_value
                .is_some_and(|bytes| i32::try_from(bytes).is_err())
        {
            return refuse("`max_bytes` is below 8 EiB and `max_value` below 2 GiB");
        }
        Ok(())
    }

    /// Whether the server is asked to leave a marker where a value expired. With a history it is
    /// not: NATS 2.11 to 2.15 then never lets a value with its own time to live expire.
    pub(crate) fn leaves_markers(&self) -> bool {
        self.history.unwrap_or(1) == 1
    }

    /// How a bucket that exists differs from this one.
    pub(crate) fn differences(&self, found: &BucketStatus) -> Differences {
        let mut all = Differences::default();
        if let Some(asked) = self.history {
            all.add("history", asked > found.history, &asked, &found.history);
        }
        if let Some(asked) = self.replicas {
            all.add("replicas", asked > found.replicas, &asked, &found.replicas);
        }
        if let Some(asked) = self.storage {
            let serious = asked == Storage::File;
            all.add("storage", serious, &asked, &found.storage);
        }
        if let Some(asked) = self.ttl {
            let found = Seconds(found.ttl.map(whole_seconds));
            all.add("ttl", true, &Seconds(Some(whole_seconds(asked))), &found);
        }
        if let Some(asked) = self.max_value {
            let serious = found.max_value.is_some_and(|limit| asked > limit);
            let found = Bytes(found.max_value.map(u64::from));
            all.add("max_value", serious, &Bytes(Some(asked.into())), &found);
        }
        if let Some(asked) = self.max_bytes {
            let serious = found.max_bytes.is_some_and(|limit| asked > limit);
            let found = Bytes(found.max_bytes);
            all.add("max_bytes", serious, &Bytes(Some(asked)), &found);
        }
        if self.key_ttl && !found.key_ttl {
            let text = "`key_ttl` (a time to live per key: asked for, and not there)";
            all.serious.push(text.to_owned());
        }
        all
    }
}

impl Differences {
    fn add<T>(&mut self, what: &str, serious: bool, asked: &T, found: &T)
    where
        T: PartialEq + fmt::Display,
    {
        if asked != found {
            let text = format!("`{what}` ({asked} asked for, {found} there)");
            let list = if serious {
                &mut self.serious
            } else {
                &mut self.harmless
            };
            list.push(text);
        }
    }
}

/// Whether a time to live can be: at least a second, at most a hundred years.
pub(crate) fn check_ttl(ttl: Duration) -> Result<(), SpecError> {
    if (Duration::from_secs(1)..=LONGEST_TTL).contains(&ttl) {
        return Ok(());
    }
    Err(SpecError(format!(
        "a time to live of {ttl:?} is not possible: it is at least 1 s and at most 100 years, in \
         whole seconds; for shorter times keep your own timer"
    )))
}

#[derive(PartialEq)]
struct Seconds(Option<u64>);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(seconds) => write!(f, "{seconds} s"),
            None => f.write_str("for ever"),
        }
    }
}

#[derive(PartialEq)]
struct Bytes(Option<u64>);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(bytes) => write!(f, "{bytes} bytes"),
            None => f.write_str("no limit"),
        }
    }
}
