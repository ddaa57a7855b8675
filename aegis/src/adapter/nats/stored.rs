//! A message that a stream holds, as `STREAM.MSG.GET` answers it.

use data_encoding::BASE64;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Headers, StoredMessage, Subject};

/// The answer itself.
#[derive(Debug, Deserialize)]
pub(super) struct Fetched {
    message: Encoded,
}

#[derive(Debug, Deserialize)]
struct Encoded {
    subject: String,
    seq: u64,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
    time: String,
}

impl Fetched {
    pub(super) fn message(self) -> Result<StoredMessage> {
        let Encoded {
            subject,
            seq,
            hdrs,
            data,
            time,
        } = self.message;
        let bytes = |text: &str| BASE64.decode(text.as_bytes()).map_err(unreadable);
        Ok(StoredMessage {
            subject: Subject::trusted(subject),
            headers: parse_headers(&bytes(&hdrs)?),
            payload: bytes(&data)?.into(),
            sequence: seq,
            stored: parse_time(&time)?,
        })
    }
}

/// Reads headers as they are stored: a line `NATS/1.0`, then one header per line.
pub(super) fn parse_headers(bytes: &[u8]) -> Headers {
    let mut headers = Headers::new();
    for line in String::from_utf8_lossy(bytes).split("\r\n").skip(1) {
        if let Some((name, value)) = line.split_once(':') {
            headers.received(name, value.trim());
        }
    }
    headers
}

/// Reads a time of the server.
pub(super) fn parse_time(text: &str) -> Result<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(unreadable)
}

fn unreadable(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    let text = "a message that JetStream has stored cannot be read: look at it with `nats stream \
                get`";
    Error::new(ErrorKind::Decode, text).because(cause)
}
