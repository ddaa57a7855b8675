//! What a service adds to its record in the registry while it runs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::Notify;

use crate::error::{Error, ErrorKind, Result};
use crate::model::OWN_METADATA;

/// Entries one instance may have.
const MOST: usize = 64;
/// Bytes of one entry, as JSON.
const LONGEST: usize = 4096;

/// What an instance tells about itself beyond what the framework tells: its zone, the markets it
/// serves, the version of a model it has loaded.
///
/// It stands in the `metadata` of its record (`aegis services SERVICE` shows it), at once after a
/// change.
///
/// ```
/// use aegis::prelude::*;
///
/// struct Pricing;
///
/// #[aegis::service(name = "pricing", version = "1.0.0")]
/// impl Pricing {
///     #[on_start]
///     async fn load(&self, ctx: &Context) -> Result<(), Failure> {
///         ctx.metadata().set("markets", ["XETR", "XPAR"])?;
///         Ok(())
///     }
/// }
/// ```
#[derive(Debug, Default)]
pub struct Metadata {
    entries: Mutex<Map<String, Value>>,
    changed: Notify,
}

impl Metadata {
    fn entries(&self) -> MutexGuard<'_, Map<String, Value>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets an entry, in the place of one with the same key.
    ///
    /// Errors: `Invalid` for a key that the framework writes itself, for more than 64 entries and
    /// for one of more than 4 KiB; `Encode` for a value that is no JSON.
    pub fn set(&self, key: &str, value: impl Serialize) -> Result<()> {
        let invalid = |text: String| Err(Error::new(ErrorKind::Invalid, text));
        if OWN_METADATA.contains(&key) || key.is_empty() {
            return invalid(format!(
                "the metadata {key:?} is the framework's own: choose another key"
            ));
        }
        let value = serde_json::to_value(value).map_err(|cause| {
            Error::new(
                ErrorKind::Encode,
                format!("the metadata {key:?} is no JSON"),
            )
            .because(cause)
        })?;
        let size = key.len() + value.to_string().len();
        if size > LONGEST {
            return invalid(format!(
                "the metadata {key:?} has {size} bytes, and at most {LONGEST} may be: every \
                 heartbeat carries it"
            ));
        }
        let mut entries = self.entries();
        if entries.len() >= MOST && !entries.contains_key(key) {
            return invalid(format!("an instance has at most {MOST} metadata entries"));
        }
        let before = entries.insert(key.to_owned(), value.clone());
        drop(entries);
        if before != Some(value) {
            self.touch();
        }
        Ok(())
    }

    /// Removes an entry, and tells whether it was there.
    pub fn remove(&self, key: &str) -> bool {
        let removed = self.entries().remove(key).is_some();
        if removed {
            self.touch();
        }
        removed
    }

    /// An entry.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.entries().get(key).cloned()
    }

    /// All entries, by key.
    pub(crate) fn all(&self) -> Map<String, Value> {
        self.entries().clone()
    }

    /// Counts as a change.
    pub(crate) fn touch(&self) {
        self.changed.notify_one();
    }

    /// Waits for the next change.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_bounded_and_their_own() {
        let metadata = Metadata::default();
        metadata.set("zone", "b").unwrap();
        assert_eq!(metadata.get("zone"), Some(Value::from("b")));
        for own in OWN_METADATA.iter().chain(&[""]) {
            assert_eq!(
                metadata.set(own, 1).unwrap_err().kind(),
                ErrorKind::Invalid,
                "{own}"
            );
        }
        let long = "x".repeat(LONGEST);
        assert_eq!(
            metadata.set("long", long).unwrap_err().kind(),
            ErrorKind::Invalid
        );
        let mut refused = 0;
        for n in 0..100 {
            refused += usize::from(metadata.set(&n.to_string(), n).is_err());
        }
        assert_eq!((metadata.all().len(), refused), (MOST, 37));
        metadata.set("zone", "c").unwrap();
        assert!(metadata.remove("zone") && !metadata.remove("zone"));
    }
}
