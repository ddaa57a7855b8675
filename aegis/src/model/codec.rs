//! How a value becomes a body: JSON, or MessagePack.

use bytes::Bytes;
use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed};

/// The encoding of a body. A reply always has the encoding of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Codec {
    /// JSON (RFC 8259), the default.
    #[default]
    Json,
    /// `MessagePack` with maps keyed by field names; needs the feature `msgpack`.
    MessagePack,
}

/// A body that could not be written or read: what is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{codec}: {text}{place}")]
pub struct CodecError {
    codec: &'static str,
    text: String,
    place: String,
}

impl CodecError {
    fn of(codec: Codec, cause: &dyn std::fmt::Display) -> Self {
        // The decoders quote from the input: what is shown of it is bounded.
        Self {
            codec: codec.name(),
            text: cause.to_string().chars().take(300).collect(),
            place: String::new(),
        }
    }

    /// JSON says where; the place stands apart from the reason.
    fn of_json(cause: &serde_json::Error) -> Self {
        let place = format!(" at line {} column {}", cause.line(), cause.column());
        let whole = Self::of(Codec::Json, cause);
        match whole.text.strip_suffix(&place) {
            Some(text) => Self {
                text: text.to_owned(),
                place,
                ..whole
            },
            None => whole,
        }
    }

    /// What is wrong, without the encoding and the place in the body.
    pub(crate) fn reason(&self) -> &str {
        &self.text
    }
}

/// Nesting deeper than this is refused, so that a small body cannot use up the stack.
#[cfg(feature = "msgpack")]
const DEEPEST: usize = 128;

impl Codec {
    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::MessagePack => "MessagePack",
        }
    }

    /// The `Content-Type` of such a body.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::MessagePack => "application/msgpack",
        }
    }

    /// The codec by its name in a configuration: `json` or `msgpack`.
    pub fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "msgpack" | "messagepack" => Some(Self::MessagePack),
            _ => None,
        }
    }

    /// The codec of a body: `Content-Type` decides; without a known one the first byte does
    /// (a `MessagePack` map or array, or one of its other marks, cannot start JSON).
    pub fn detect(content_type: Option<&str>, body: &[u8]) -> Self {
        let media_type = content_type
            .and_then(|text| text.split(';').next())
            .map(str::trim);
        match media_type {
            Some("application/json") => Self::Json,
            Some("application/msgpack" | "application/x-msgpack" | "application/vnd.msgpack") => {
                Self::MessagePack
            }
            _ => match body.first() {
                Some(0x80..=0x9f | 0xc0..=0xdf) => Self::MessagePack,
                _ => Self::Json,
            },
        }
    }

    /// Writes a value.
    pub fn encode<T: Serialize + ?Sized>(self, value: &T) -> Result<Bytes, CodecError> {
        match self {
            Self::Json => serde_json::to_vec(value)
                .map(Bytes::from)
                .map_err(|cause| CodecError::of(self, &cause)),
            Self::MessagePack => self.encode_msgpack(value),
        }
    }

    /// Reads a value.
    pub fn decode<T: DeserializeOwned>(self, body: &[u8]) -> Result<T, CodecError> {
        self.decode_seed(body, std::marker::PhantomData)
    }

    /// Reads a value with the help of a seed. The whole body must be used up.
    pub(crate) fn decode_seed<'de, S: DeserializeSeed<'de>>(
        self,
        body: &'de [u8],
        seed: S,
    ) -> Result<S::Value, CodecError> {
        match self {
            Self::Json => {
                let mut reader = serde_json::Deserializer::from_slice(body);
                seed.deserialize(&mut reader)
                    .and_then(|value| reader.end().map(|()| value))
                    .map_err(|cause| CodecError::of_json(&cause))
            }
            Self::MessagePack => self.decode_msgpack(body, seed),
        }
    }

    #[cfg(feature = "msgpack")]
    fn encode_msgpack<T: Serialize + ?Sized>(self, value: &T) -> Result<Bytes, CodecError> {
        rmp_serde::to_vec_named(value)
            .map(Bytes::from)
            .map_err(|cause| CodecError::of(self, &cause))
    }

    #[cfg(feature = "msgpack")]
    fn decode_msgpack<'de, S: DeserializeSeed<'de>>(
        self,
        body: &'de [u8],
        seed: S,
    ) -> Result<S::Value, CodecError> {
        let mut rest = body;
        let value = {
            let mut reader = rmp_serde::Deserializer::new(&mut rest);
            reader.set_max_depth(DEEPEST);
            seed.deserialize(&mut reader)
                .map_err(|cause| CodecError::of(self, &cause))?
        };
        match rest.len() {
            0 => Ok(value),
            more => Err(CodecError::of(
                self,
                &format_args!("{more} bytes after the value"),
            )),
        }
    }

    #[cfg(not(feature = "msgpack"))]
    fn encode_msgpack<T: Serialize + ?Sized>(self, _value: &T) -> Result<Bytes, CodecError> {
        Err(CodecError::of(
            self,
            &"not compiled in: enable the feature `msgpack` of `aegis`",
        ))
    }

    #[cfg(not(feature = "msgpack"))]
    fn decode_msgpack<'de, S: DeserializeSeed<'de>>(
        self,
        _body: &'de [u8],
        _seed: S,
    ) -> Result<S::Value, CodecError> {
        Err(CodecError::of(
            self,
            &"not compiled in: enable the feature `msgpack` of `aegis`",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};
    use serde_json::Value;

    #[test]
    fn content_type_decides_then_the_first_byte() {
        for (content_type, body, expected) in [
            (None, &b"{\"a\":1}"[..], Codec::Json),
            (None, b"", Codec::Json),
            (None, b"3", Codec::Json),
            (None, &[0x81, 0xa1, b'a', 1], Codec::MessagePack),
            (None, &[0xc0], Codec::MessagePack),
            (None, &[0xdf, 0, 0, 0, 0], Codec::MessagePack),
            (Some("application/json"), &[0x80], Codec::Json),
            (
                Some("application/json; charset=utf-8"),
                &[0x80],
                Codec::Json,
            ),
            (Some("application/msgpack"), b"{}", Codec::MessagePack),
            (Some("application/x-msgpack"), b"{}", Codec::MessagePack),
            (Some("nonsense"), b"{}", Codec::Json),
            (Some(""), &[0x80], Codec::MessagePack),
        ] {
            assert_eq!(
                Codec::detect(content_type, body),
                expected,
                "{content_type:?} {body:?}"
            );
        }
    }

    #[test]
    fn what_follows_the_value_is_refused() {
        assert!(Codec::Json.decode::<Value>(b"1 2").is_err());
        assert!(Codec::Json.decode::<Value>(b" 1 \n").is_ok());
        assert!(Codec::Json.decode::<Value>(b"").is_err());
    }

    #[cfg(feature = "msgpack")]
    #[test]
    fn message_pack_is_read_to_its_end_and_not_too_deep() {
        assert!(Codec::MessagePack.decode::<Value>(&[1, 2]).is_err());
        assert!(
            Codec::MessagePack.decode::<Value>(&[0x81, 0xa1]).is_err(),
            "truncated"
        );
        let deep = vec![0x91; 100_000];
        assert!(Codec::MessagePack.decode::<Value>(&deep).is_err());
        let deep = "[".repeat(100_000);
        assert!(Codec::Json.decode::<Value>(deep.as_bytes()).is_err());
    }

    #[test]
    fn errors_are_bounded() {
        let body = format!("\"{}\"", "x".repeat(100_000));
        let error = Codec::Json.decode::<u8>(body.as_bytes()).unwrap_err();
        assert!(error.to_string().len() < 400);
    }

    proptest! {
        #[test]
        fn no_body_panics(body in any::<Vec<u8>>(), content_type in any::<Option<String>>()) {
            let codec = Codec::detect(content_type.as_deref(), &body);
            let _ = codec.decode::<Value>(&body);
            let _ = codec.decode::<(i64, String)>(&body);
        }

        #[test]
        fn what_is_written_is_read(text in any::<String>(), number in any::<i64>(), flag in any::<bool>()) {
            for codec in [Codec::Json, Codec::MessagePack] {
                let value = (text.clone(), number, flag, Some(1.5));
                let Ok(body) = codec.encode(&value) else { continue };
                assert_eq!(codec.decode::<(String, i64, bool, Option<f64>)>(&body).unwrap(), value);
            }
        }
    }
}
