//! Values: how they are written, and what is read back.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Codec, CodecError, KvEntry, KvOperation};

/// A value of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry<T> {
    /// The key.
    pub key: String,
    /// The value.
    pub value: T,
    /// The number of the write: what [`Bucket::update`](crate::Bucket::update) expects.
    pub revision: u64,
    /// When the server took it, by its clock.
    pub created: OffsetDateTime,
}

/// That a key has no value any more.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removed {
    /// The key.
    pub key: String,
    /// Why it has no value.
    pub why: Removal,
    /// The number of the removal.
    pub revision: u64,
    /// When it happened, by the server's clock.
    pub created: OffsetDateTime,
}

/// Why a key has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Removal {
    /// It was deleted.
    Deleted,
    /// It was deleted with its history.
    Purged,
    /// Its time ran out.
    Expired,
}

/// What a watch tells, and what a history holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change<T> {
    /// A key got a value.
    Put(Entry<T>),
    /// A key lost its value.
    Removed(Removed),
    /// Everything that was there when the watch began, or began again, has been told.
    Ready,
    /// Forget what was told before: the bucket was made anew, or the watch was away for so long
    /// that removals may have been missed. What follows, up to the next `Ready`, is all there is.
    Reset,
}

/// How the values of a bucket are written and read.
#[derive(Debug)]
pub(super) struct Format<T> {
    codec: Codec,
    encode: fn(Codec, &T) -> Result<Bytes, CodecError>,
    decode: fn(&Bytes) -> Result<T, CodecError>,
}

impl<T> Clone for Format<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Format<T> {}

impl<T: Serialize + DeserializeOwned> Format<T> {
    pub(super) fn of(codec: Codec) -> Self {
        Self {
            codec,
            encode,
            decode: |body| Codec::detect(None, body).decode(body),
        }
    }
}

impl Format<Bytes> {
    pub(super) fn bytes() -> Self {
        Self {
            codec: Codec::default(),
            encode: |_, value| Ok(value.clone()),
            decode: |body| Ok(body.clone()),
        }
    }
}

/// A value is read by its first byte. What `MessagePack` writes without one of its marks (a small
/// number, a short text) is written as JSON, so that no reader takes one for the other.
fn encode<T: Serialize>(codec: Codec, value: &T) -> Result<Bytes, CodecError> {
    let body = codec.encode(value)?;
    if Codec::detect(None, &body) == codec {
        return Ok(body);
    }
    Codec::Json.encode(value)
}

impl<T> Format<T> {
    pub(super) fn write(&self, bucket: &str, key: &str, value: &T) -> Result<Bytes> {
        (self.encode)(self.codec, value).map_err(|cause| {
            let key: String = key.chars().take(80).collect();
            let text =
                format!("the value for key {key:?} of the bucket {bucket} cannot be written");
            Error::new(ErrorKind::Encode, text).because(cause)
        })
    }

    /// Reads a value; the entry must be one.
    pub(super) fn entry(&self, bucket: &str, entry: &KvEntry) -> Result<Entry<T>> {
        let value = (self.decode)(&entry.value).map_err(|cause| {
            let key: String = entry.key.text().chars().take(80).collect();
            let wanted = std::any::type_name::<T>();
            let text = format!(
                "the value of key {key:?} in the bucket {bucket} cannot be read as {wanted}: it \
                 is there, but of another shape; `open_bytes` reads it as it is"
            );
            Error::new(ErrorKind::Decode, text).because(cause)
        })?;
        Ok(Entry {
            key: entry.key.text().to_owned(),
            value,
            revision: entry.revision,
            created: entry.created,
        })
    }

    pub(super) fn change(&self, bucket: &str, entry: &KvEntry) -> Result<Change<T>> {
        let why = match entry.operation {
            KvOperation::Put => return self.entry(bucket, entry).map(Change::Put),
            KvOperation::Delete => Removal::Deleted,
            KvOperation::Purge => Removal::Purged,
            KvOperation::Expired => Removal::Expired,
        };
        Ok(Change::Removed(Removed {
            key: entry.key.text().to_owned(),
            why,
            revision: entry.revision,
            created: entry.created,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn every_value_is_read_as_it_was_written() {
        let long = "x".repeat(40);
        for codec in [Codec::Json, Codec::MessagePack] {
            let format = Format::<Value>::of(codec);
            for value in [
                json!(5),
                json!(-1),
                json!(1_000_000),
                json!("5"),
                json!("short"),
                json!(long),
                json!(null),
                json!(true),
                json!(1.5),
                json!([1, "a"]),
                json!({"a": {"b": []}}),
            ] {
                let body = format.write("b", "k", &value).unwrap();
                assert_eq!((format.decode)(&body).unwrap(), value, "{codec:?} {body:?}");
            }
        }
    }
}
