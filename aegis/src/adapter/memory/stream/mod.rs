//! Streams in memory: `log` is what one stream holds, `word` what it says to a message, `place`
//! where a consumer is in it; these decide, and do not wait. `one` is a stream with its consumers,
//! `readers` who waits for them, `shelf` all streams of a hub; `streams` and `pull` are the port.

mod failure;
#[cfg(test)]
mod laws;
mod log;
mod one;
mod place;
mod pull;
mod readers;
mod shelf;
mod streams;
#[cfg(test)]
mod tests;
mod word;

pub(super) use shelf::Shelf;
pub(super) use streams::MemoryStreams;
