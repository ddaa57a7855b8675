//! What a generated client holds: its service's methods, looked up once.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::call::{Call, Way};
use super::command::Command;
use super::core::{Client, Wire};
use super::route::Route;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Arguments, DEFAULT_TIMEOUT, Names, Subject, WriteArguments};

/// One method as a generated client knows it.
#[derive(Debug, Clone)]
pub struct Method {
    /// The name on the wire.
    pub name: &'static str,
    /// The shared subject, without a prefix.
    pub subject: Subject,
    /// The method's own timeout.
    pub timeout: Option<Duration>,
    /// Whether running it twice does no harm.
    pub idempotent: bool,
    /// Whether only a leader runs it.
    pub exclusive: bool,
}

/// The body of a generated client.
#[derive(Clone)]
pub struct Stub {
    client: Client,
    wire: Wire,
    /// It was generated with the service, so both know the methods' timeouts.
    beside: bool,
    ways: Arc<[(Method, Result<Arc<Route>>)]>,
}

impl fmt::Debug for Stub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stub")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl Stub {
    /// Looks up the methods of a service.
    pub fn new(client: &Client, service: &'static str, methods: &[Method]) -> Self {
        let ways = methods
            .iter()
            .map(|method| (method.clone(), client.route(service, method.name)));
        let wire = client.shared.settings.wire;
        Self {
            client: client.clone(),
            wire,
            beside: true,
            ways: ways.collect(),
        }
    }

    /// The same, speaking the envelope of `AegisSDK` 1.0.
    #[must_use]
    pub fn envelope(mut self) -> Self {
        self.wire = Wire::Envelope;
        self
    }

    /// The same for a service written elsewhere, whose timeouts are its own.
    #[must_use]
    pub fn elsewhere(mut self) -> Self {
        self.beside = false;
        self
    }

    /// Makes a call of one method.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "generated code hands its arguments over"
    )]
    pub fn call<A: Arguments, T, E>(&self, method: &str, names: Names, arguments: A) -> Call<T, E> {
        let codec = self.client.shared.settings.codec;
        Call::new(self.client.clone(), self.way(method), self.wire, |call| {
            call.encode(codec, &WriteArguments(names, &arguments))
        })
    }

    /// Makes a command of the service.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "generated code hands its arguments over"
    )]
    pub fn command<A: Arguments, T, E>(
        &self,
        service: &str,
        command: &str,
        names: Names,
        arguments: A,
    ) -> Command<T, E> {
        let params = WriteArguments(names, &arguments);
        Command::of(&self.client, (service, command), &params)
    }

    fn way(&self, method: &str) -> Result<Way> {
        let found = self.ways.iter().find(|(known, _)| known.name == method);
        let (known, route) = found.ok_or_else(|| {
            Error::new(
                ErrorKind::Invalid,
                format!("this client has no method {method}"),
            )
        })?;
        let assumed = known.timeout.filter(|_| self.beside);
        Ok(Way {
            route: route.clone()?,
            timeout: known.timeout,
            assumed: assumed.unwrap_or(DEFAULT_TIMEOUT),
            repeatable: known.idempotent,
            exclusive: known.exclusive,
        })
    }
}
