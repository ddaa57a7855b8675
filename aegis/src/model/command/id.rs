//! What a job is called: part of subjects and of keys.

use std::fmt;

use uuid::Uuid;

use crate::model::SpecError;

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

    /// That of a message which names none: where it stands.
    pub(crate) fn of_place(sequence: u64, stored_nanos: i128) -> Self {
        Self(format!("{sequence}-{stored_nanos}"))
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
            JobId::of_place(7, 1_790_000_000_000_000_000),
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
