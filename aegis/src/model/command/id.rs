//! What a job is called: part of subjects and of keys.

use std::fmt;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::model::{Headers, SpecError, header};

/// Longest id that is taken, in characters.
const LONGEST: usize = 64;
/// The space of the ids that are made of idempotency keys.
const SPACE: Uuid = Uuid::from_u128(0x6f1d_3b52_9a0c_4c1e_8a57_2d0e_5b7f_91c4);

/// What a job is called: up to 64 letters, digits, `_` or `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct JobId(String);

impl JobId {
    /// One that nobody has.
    pub(crate) fn new() -> Self {
        Self(Uuid::now_v7().to_string())
    }

    /// That of a key: whoever sends the same command with the same key gets the same.
    pub(crate) fn of_key(service: &str, command: &str, key: &str) -> Self {
        let name = format!("{service}.{command}/{key}");
        Self(Uuid::new_v5(&SPACE, name.as_bytes()).to_string())
    }

    /// That of a message for a command, at its place in the queue. Whoever writes no records names it
    /// by the id of the message, or by a key; without either it is called by its place.
    pub(crate) fn of_message(
        headers: &Headers,
        (service, command): (&str, &str),
        (sequence, stored): (u64, OffsetDateTime),
    ) -> Self {
        let named = [header::JOB_ID, header::MESSAGE_ID];
        let mut named = named.iter().filter_map(|name| headers.get(name));
        if let Some(id) = named.find_map(|id| Self::parse(id).ok()) {
            return id;
        }
        match headers.get(header::IDEMPOTENCY_KEY) {
            Some(key) => Self::of_key(service, command, key),
            None => Self(format!("{sequence}-{}", stored.unix_timestamp_nanos())),
        }
    }

    /// Reads one.
    pub(crate) fn parse(text: &str) -> Result<Self, SpecError> {
        let right = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if (1..=LONGEST).contains(&text.len()) && text.bytes().all(right) {
            return Ok(Self(text.to_owned()));
        }
        let shown: String = text.chars().take(80).collect();
        Err(SpecError::new(format!(
            "{shown:?} is no id of a job: it is up to {LONGEST} letters, digits, `_` or `-`"
        )))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_can_stand_in_a_subject() {
        let made = [
            JobId::new(),
            JobId::of_key("importer", "import", "load 7"),
            JobId::of_message(
                &Headers::new(),
                ("importer", "import"),
                (7, OffsetDateTime::UNIX_EPOCH),
            ),
        ];
        for id in made {
            assert_eq!(JobId::parse(id.as_str()), Ok(id));
        }
        for text in ["", "a.b", "a b", "*", &"x".repeat(65)] {
            let error = JobId::parse(text).unwrap_err().to_string();
            assert!(error.contains("is no id of a job"), "{error}");
        }
    }

    #[test]
    fn a_message_names_its_job_or_stands_for_it() {
        let names = ("importer", "import");
        let keyed = JobId::of_key(names.0, names.1, "a");
        let id = (header::MESSAGE_ID, "a");
        for (headers, expected) in [
            (&[][..], "7-0"),
            (&[id], "a"),
            (&[id, (header::JOB_ID, "c")], "c"),
            (&[id, (header::JOB_ID, "no id")], "a"),
            (&[(header::MESSAGE_ID, "no id")], "7-0"),
            (&[(header::IDEMPOTENCY_KEY, "a")], keyed.as_str()),
        ] {
            let mut all = Headers::new();
            for (name, value) in headers {
                all.own(name, (*value).to_owned());
            }
            let place = (7, OffsetDateTime::UNIX_EPOCH);
            let found = JobId::of_message(&all, names, place);
            assert_eq!(found.as_str(), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_key_has_one_id_for_each_command() {
        let of = |command, key| JobId::of_key("importer", command, key);
        assert_eq!(of("import", "7"), of("import", "7"));
        assert_ne!(of("import", "7"), of("import", "8"));
        assert_ne!(of("import", "7"), of("export", "7"));
        // Names have no slash, so what stands before and behind it cannot be mixed up.
        assert_ne!(of("import", "a/b"), of("import", "b"));
        assert_ne!(JobId::new(), JobId::new());
    }
}
