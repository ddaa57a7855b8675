//! What a NATS server says of itself.

/// What the NATS server that one is connected to says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ServerFacts {
    /// Its name; a random one if nobody has named it.
    pub name: String,
    /// Its version, such as `2.12.8`.
    pub version: String,
    /// The cluster that it belongs to; none if it is alone.
    pub cluster: Option<String>,
    /// Whether it has `JetStream`, or knows a server that has.
    pub jetstream: bool,
    /// The largest message that it takes, in bytes, headers included.
    pub max_payload: usize,
}
