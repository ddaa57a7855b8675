//! The server itself: what it says, how far away it is, and how the framework's streams are there.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::core::Client;
use super::publish::{commands, dead_letters, events};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ServerFacts, StreamSpec, StreamStatus, Subject};
use crate::port::Outgoing;

/// What a question to the server begins with.
const ROOTS: [&str; 2] = ["$JS.API.", "$SYS.REQ."];

impl Client {
    /// What the NATS server that this client is connected to says of itself; none on `memory://`.
    pub fn server_facts(&self) -> Option<ServerFacts> {
        self.bus().server()
    }

    /// How long a message takes to the server and back.
    ///
    /// Errors: `Disconnected` if it does not come back within five seconds.
    pub async fn round_trip(&self) -> Result<Duration> {
        let start = Instant::now();
        self.bus().round_trip().await?;
        Ok(start.elapsed())
    }

    /// Asks the server itself, on a subject below `$JS.API.` or `$SYS.REQ.`, and gives its answer as it
    /// is: that `JetStream` refuses stands in it, under `error`. The framework has words for what
    /// programs need; this is for tools that look at what is there.
    ///
    /// ```no_run
    /// # async fn example(client: aegis::Client) -> aegis::Result<()> {
    /// let account = client.ask_server("$JS.API.INFO", "").await?;
    /// println!("{}", account["streams"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Errors: `Invalid` for another subject, `NoService` if nobody answers there, `Denied`,
    /// `Decode` for an answer that is no JSON, `Timeout` after the timeout of the client's calls.
    pub async fn ask_server(&self, subject: &str, body: &str) -> Result<Value> {
        let graphic = subject.bytes().all(|byte| byte.is_ascii_graphic());
        let tokens = graphic && subject.split('.').all(|token| !token.is_empty());
        if !tokens || !ROOTS.iter().any(|root| subject.starts_with(root)) {
            let text = format!(
                "{subject:?} is no question to the server: it is a subject below `$JS.API.` or \
                 `$SYS.REQ.`"
            );
            return Err(Error::new(ErrorKind::Invalid, text));
        }
        let question = Outgoing::new(Subject::trusted(subject.to_owned()), body.to_owned());
        let bus = self.bus();
        let deadline = Instant::now() + self.shared.settings.timeout;
        let asked = bus.request(question, &bus.new_call(), deadline).await;
        let answer = asked.map_err(|error| self.nobody_answers(subject, error))?;
        serde_json::from_slice(&answer.payload).map_err(|cause| {
            let text = format!("what the server answers on {subject} is no JSON");
            Error::new(ErrorKind::Decode, text).because(cause)
        })
    }

    /// That nobody answers has another reason here than on the subject of a service.
    fn nobody_answers(&self, subject: &str, error: Error) -> Error {
        if error.kind() != ErrorKind::NoService {
            return error;
        }
        let server = self.server();
        let text = if subject.starts_with(ROOTS[0]) {
            format!(
                "NATS at {server} has no JetStream for this account: start nats-server with `-js`, or \
                 enable JetStream for the account"
            )
        } else {
            format!(
                "NATS at {server} does not answer on {subject}: upgrade it, or ask as another user"
            )
        };
        Error::new(ErrorKind::NoService, text).because(error)
    }

    /// The framework's own streams as this client's configuration asks for them: events, dead letters,
    /// commands.
    pub fn stream_specs(&self) -> [StreamSpec; 3] {
        let (layout, settings) = (self.layout(), self.stream_settings());
        [
            events(layout, settings),
            dead_letters(layout, settings),
            commands(layout, &settings.commands),
        ]
    }

    /// How a stream is; none if there is none of this name.
    ///
    /// Errors: `NoService` if there is no JetStream, `Config` for a retention that nobody asks for
    /// here, `Denied`, `Timeout`.
    pub async fn stream_status(&self, name: &str) -> Result<Option<StreamStatus>> {
        let deadline = Instant::now() + self.shared.settings.timeout;
        self.streams().status(name, deadline).await
    }
}
