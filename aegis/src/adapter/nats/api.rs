//! Questions to JetStream: JSON requests on `$JS.API.>`, and what its refusals mean.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::bus::NatsBus;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Subject;
use crate::port::{Answer, Bus, Outgoing};

/// The server's numbers for refusals.
pub(super) mod code {
    /// On this server, or for this account.
    pub(in crate::adapter::nats) const NOT_ENABLED: [u32; 2] = [10076, 10039];
    pub(in crate::adapter::nats) const STREAM_NOT_FOUND: u32 = 10059;
    pub(in crate::adapter::nats) const STREAM_NAME_IN_USE: u32 = 10058;
    pub(in crate::adapter::nats) const SUBJECTS_OVERLAP: u32 = 10065;
    pub(in crate::adapter::nats) const CONSUMER_NOT_FOUND: u32 = 10014;
    /// A consumer, or its stream.
    pub(in crate::adapter::nats) const GONE: [u32; 2] = [CONSUMER_NOT_FOUND, STREAM_NOT_FOUND];
    /// It exists with another configuration, or was made a moment ago.
    pub(in crate::adapter::nats) const CONSUMER_EXISTS: [u32; 3] = [10148, 10013, 10105];
    /// A change of a consumer that is not there.
    pub(in crate::adapter::nats) const NO_CONSUMER_TO_CHANGE: u32 = 10149;
    /// A message that is to be removed is not there; the second says only that it failed.
    pub(in crate::adapter::nats) const NO_SUCH_SEQUENCE: [u32; 2] = [10043, 10057];
    /// A message with the same id is being stored.
    pub(in crate::adapter::nats) const SAME_ID_UNDER_WAY: u32 = 10158;
    pub(in crate::adapter::nats) const MESSAGE_NOT_FOUND: u32 = 10037;
    pub(in crate::adapter::nats) const WRONG_LAST_SEQUENCE: u32 = 10071;
    /// Others write the same key right now, and a cluster has not settled it yet.
    pub(in crate::adapter::nats) const NOT_SETTLED: [u32; 2] = [10163, 10164];
    pub(in crate::adapter::nats) const STORE_FAILED: u32 = 10077;
    /// Of memory, of disk, of what the account may use, of streams or of consumers.
    pub(in crate::adapter::nats) const NO_ROOM: [u32; 6] =
        [10023, 10028, 10047, 10002, 10026, 10027];
    /// More servers are asked for than there are, or than can take it.
    pub(in crate::adapter::nats) const NO_SERVERS: [u32; 2] = [10074, 10005];
    /// A cluster that elects, or a server that is asked too much at once.
    pub(in crate::adapter::nats) const NOT_NOW: [u32; 3] = [10008, 10009, 10167];
    pub(in crate::adapter::nats) const MESSAGE_TOO_LARGE: u32 = 10054;
    /// The same, or its headers are.
    pub(in crate::adapter::nats) const TOO_LARGE: [u32; 2] = [MESSAGE_TOO_LARGE, 10097];
    pub(in crate::adapter::nats) const TTL: [u32; 2] = [10165, 10166];
}

/// A refusal of JetStream.
#[derive(Debug, Clone, Deserialize, thiserror::Error)]
#[error("{description} (JetStream error {err_code})")]
pub(super) struct Refusal {
    #[serde(default)]
    pub(super) err_code: u32,
    #[serde(default)]
    pub(super) description: String,
}

/// What JetStream answered: what was asked for, or a refusal.
pub(super) type Asked<T> = Result<std::result::Result<T, Refusal>>;

/// Asks JetStream over one connection.
#[derive(Debug, Clone)]
pub(super) struct Api {
    pub(super) bus: Arc<NatsBus>,
}

#[derive(Deserialize)]
struct Refused {
    error: Option<Refusal>,
}

impl Api {
    /// Asks `$JS.API.{what}`.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        what: &str,
        body: &impl Serialize,
        deadline: Instant,
    ) -> Asked<T> {
        let body = serde_json::to_vec(body).map_err(|cause| {
            Error::new(
                ErrorKind::Encode,
                "a question to JetStream cannot be written",
            )
            .because(cause)
        })?;
        let subject = Subject::trusted(format!("$JS.API.{what}"));
        let asked = self.request(Outgoing::new(subject, body), deadline).await;
        let answer = asked.map_err(|error| match error.kind() {
            ErrorKind::NoService => self.not_enabled(),
            _ => error,
        })?;
        let answer = read::<T>(&answer)?;
        match answer {
            Err(refusal) if code::NOT_ENABLED.contains(&refusal.err_code) => {
                Err(self.not_enabled())
            }
            answer => Ok(answer),
        }
    }

    /// Sends a message that a stream stores, and waits for its word.
    pub(super) async fn request(&self, message: Outgoing, deadline: Instant) -> Result<Answer> {
        let call = self.bus.new_call();
        self.bus.request(message, &call, deadline).await
    }

    fn not_enabled(&self) -> Error {
        Error::new(
            ErrorKind::NoService,
            format!(
                "NATS at {} has no JetStream for this account, which streams and buckets need: \
                 start nats-server with `-js`, or enable JetStream for the account",
                self.bus.name()
            ),
        )
    }
}

/// Reads an answer of JetStream.
pub(super) fn read<T: DeserializeOwned>(answer: &Answer) -> Asked<T> {
    let decode = |cause| {
        let text = "an answer of JetStream cannot be read: is this a NATS server?";
        Error::new(ErrorKind::Decode, text).because(cause)
    };
    let Refused { error } = serde_json::from_slice(&answer.payload).map_err(decode)?;
    match error {
        Some(refusal) => Ok(Err(refusal)),
        None => serde_json::from_slice(&answer.payload)
            .map(Ok)
            .map_err(decode),
    }
}

/// Not enough servers for the replicas that are asked for.
pub(super) fn no_servers(what: &str, refusal: Refusal) -> Error {
    let text = format!(
        "{what}: {refusal}: it is to be kept on more servers than can take it; set `nats.replicas`, \
         or what is said of this alone (`events.replicas`, `leader.replicas`, `.replicas(..)`), to the \
         number of servers in the cluster at most, or add servers; of those that there are, some may \
         be down or full"
    );
    Error::new(ErrorKind::Config, text).because(refusal)
}

/// A refusal without a meaning of its own.
pub(super) fn refused(what: &str, refusal: Refusal) -> Error {
    if code::NO_ROOM.contains(&refusal.err_code) {
        let text = format!(
            "{what}: the store of the NATS server, or of this account, has no room: lower \
             `max_bytes`, remove what is not needed, or give the server more"
        );
        return Error::new(ErrorKind::Overloaded, text).because(refusal);
    }
    if code::NO_SERVERS.contains(&refusal.err_code) {
        return no_servers(what, refusal);
    }
    if code::NOT_NOW.contains(&refusal.err_code) {
        let text = format!("{what}: JetStream cannot do it now: {refusal}; try again");
        return Error::new(ErrorKind::Overloaded, text).because(refusal);
    }
    let text = format!("{what}: JetStream refuses: {refusal}");
    Error::new(ErrorKind::Rejected, text).because(refusal)
}
