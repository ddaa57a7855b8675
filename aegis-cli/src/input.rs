//! What a command reads: a word of the command line, or standard input.

use std::io::Read as _;

use anyhow::Context as _;
use bytes::Bytes;
use serde_json::Value;

use crate::ending::Usage;

/// More than any server takes in one message.
const MOST: u64 = 64 * 1024 * 1024;

/// The bytes of a value: the word itself, or for `-` standard input.
pub(crate) fn bytes(text: &str) -> anyhow::Result<Bytes> {
    if text != "-" {
        return Ok(Bytes::copy_from_slice(text.as_bytes()));
    }
    let mut read = Vec::new();
    let stdin = std::io::stdin().take(MOST + 1).read_to_end(&mut read);
    stdin.context("standard input cannot be read")?;
    if read.len() as u64 > MOST {
        let text = "standard input is longer than 64 MiB: no server takes that as one message";
        return Err(Usage(text.to_owned()).into());
    }
    Ok(read.into())
}

/// The same as JSON; the way out says how it is written.
pub(crate) fn json(text: &str, what: &str, way_out: &str) -> anyhow::Result<Value> {
    let read = bytes(text)?;
    serde_json::from_slice(&read)
        .map_err(|cause| Usage(format!("{what} not JSON: {cause}\n  {way_out}")).into())
}
