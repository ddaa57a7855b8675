//! One command before it is sent: what is optional is said in words.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::core::Client;
use super::super::publish::{SEND, count};
use super::job::Job;
use super::send;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    Codec, DomainError, Failure, Headers, LONGEST_DELAY, MethodName, Priority, ServiceName,
    TraceContext, header,
};

/// Longest idempotency key, in bytes.
const LONGEST_KEY: usize = 256;

/// A command to a service, sent by [`send`](Self::send), which returns when the queue holds it.
///
/// ```
/// use aegis::prelude::*;
///
/// struct Importer;
///
/// #[aegis::service(name = "importer", version = "1.0.0")]
/// impl Importer {
///     #[command]
///     async fn import(&self, url: String) -> Result<usize, Failure> {
///         Ok(url.len())
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> aegis::Result<()> {
/// let config = aegis::Config::default().url("memory://");
/// let running = App::new(config).service(Importer).start().await?;
/// let importer = ImporterClient::new(running.client());
/// let command = importer.import("https://example.com".to_owned());
/// let job = command.priority(Priority::High).send().await?;
/// assert_eq!(job.result().await?, 19);
/// # Ok(())
/// # }
/// ```
#[must_use = "a command is sent by `.send().await`"]
pub struct Command<T = Value, E = Failure> {
    prepared: Result<Box<Prepared>>,
    result: PhantomData<fn() -> (T, E)>,
}

/// What is sent, and how.
pub(super) struct Prepared {
    pub(super) client: Client,
    pub(super) service: ServiceName,
    pub(super) command: MethodName,
    pub(super) body: Bytes,
    pub(super) headers: Headers,
    pub(super) priority: Priority,
    pub(super) key: Option<String>,
    pub(super) delay: Duration,
    pub(super) within: Option<Duration>,
    /// Whether it is looked whether anybody ever served it.
    pub(super) checked: bool,
}

impl<T, E> fmt::Debug for Command<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.prepared {
            Ok(prepared) => write!(f, "Command({}.{})", prepared.service, prepared.command),
            Err(error) => write!(f, "Command({error})"),
        }
    }
}

impl Client {
    /// A command by its name, with params of any kind, to be sent. For a service whose type is known
    /// use the client that `#[aegis::service]` or `#[aegis::client]` generates.
    ///
    /// It is looked whether a service has ever served this command: a wrong name is an `Invalid`
    /// error, and not a job that nobody ever takes. [`Command::unchecked`] leaves that out.
    ///
    /// ```no_run
    /// # async fn example(client: aegis::Client) -> aegis::Result<()> {
    /// let params = serde_json::json!({"url": "https://example.com"});
    /// let job = client.new_command("importer", "import", &params).send().await?;
    /// println!("{}", job.id());
    /// # Ok(())
    /// # }
    /// ```
    pub fn new_command<P: Serialize + ?Sized>(
        &self,
        service: &str,
        command: &str,
        params: &P,
    ) -> Command {
        Command {
            prepared: Prepared::new(self, (service, command), params, true),
            result: PhantomData,
        }
    }
}

impl Prepared {
    fn new<P: Serialize + ?Sized>(
        client: &Client,
        (service, command): (&str, &str),
        params: &P,
        checked: bool,
    ) -> Result<Box<Self>> {
        let (service, command) = (ServiceName::parse(service)?, MethodName::parse(command)?);
        let settings = &client.shared.settings;
        let body = settings.codec.encode(params).map_err(|cause| {
            let text = format!("the arguments of {service}.{command} cannot be sent");
            Error::new(ErrorKind::Encode, text).because(cause)
        })?;
        let mut headers = Headers::new();
        client.scope().carry(&mut headers);
        if settings.codec != Codec::Json {
            let content_type = settings.codec.content_type().to_owned();
            headers.own(header::CONTENT_TYPE, content_type);
        }
        headers.own(header::SOURCE, settings.source.clone());
        Ok(Box::new(Self {
            client: client.clone(),
            service,
            command,
            body,
            headers,
            priority: Priority::default(),
            key: None,
            delay: Duration::ZERO,
            within: None,
            checked,
        }))
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let set = self.headers.set(name, value);
        set.map_err(|cause| Error::new(ErrorKind::Invalid, cause.to_string()))
    }
}

impl<T, E> Command<T, E> {
    /// A command of a generated client.
    pub(in super::super) fn of<P: Serialize>(
        client: &Client,
        names: (&str, &str),
        params: &P,
    ) -> Self {
        Self {
            prepared: Prepared::new(client, names, params, false),
            result: PhantomData,
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Prepared) -> Result<()>) -> Self {
        self.prepared = self
            .prepared
            .and_then(|mut prepared| change(&mut prepared).map(|()| prepared));
        self
    }

    /// How urgent it is: a waiting one of a higher priority starts first. Default: `Normal`.
    pub fn priority(self, priority: Priority) -> Self {
        self.with(|prepared| {
            prepared.priority = priority;
            Ok(())
        })
    }

    /// Names this piece of work, by 1 to 256 bytes of text without control characters: whoever sends
    /// this command with this key again gets the first job, as long as that is known (24 h after its
    /// end, unless `commands.jobs_kept` says otherwise). The params of later ones do not matter.
    ///
    /// The handler reads it with `ctx.idempotency_key()`.
    pub fn idempotency_key(self, key: &str) -> Self {
        self.with(|prepared| {
            if key.is_empty() || key.len() > LONGEST_KEY || !header::travels(key) {
                let text = "an idempotency key is 1 to 256 bytes, without control characters and \
                            without blanks at its ends";
                return Err(Error::new(ErrorKind::Invalid, text));
            }
            prepared.key = Some(key.to_owned());
            prepared.set(header::IDEMPOTENCY_KEY, key)
        })
    }

    /// Begins so long after the queue has taken it, at most 30 days. It is held back by a worker of
    /// the service, which compares the server's clock with its own.
    pub fn delay(self, delay: Duration) -> Self {
        self.with(|prepared| {
            if delay > LONGEST_DELAY {
                let text = "a command is delayed by 30 days at most: keep what is to happen later \
                            in a store of your own, and send it then";
                return Err(Error::new(ErrorKind::Invalid, text));
            }
            prepared.delay = delay;
            Ok(())
        })
    }

    /// Begins at this time, by the sender's clock; one that is over is now. It is
    /// [`delay`](Self::delay) in other words.
    pub fn at(self, time: std::time::SystemTime) -> Self {
        let left = time.duration_since(std::time::SystemTime::now());
        self.delay(left.unwrap_or_default())
    }

    /// The time until the queue holds it, repetitions included. Default: that of calls, 5 s; inside
    /// a handler for calls never more than the call being handled has left.
    pub fn within(self, time: Duration) -> Self {
        self.with(|prepared| {
            prepared.within = Some(time);
            Ok(())
        })
    }

    /// Does not look whether anybody has ever served this command: it waits for the first who does.
    pub fn unchecked(self) -> Self {
        self.with(|prepared| {
            prepared.checked = false;
            Ok(())
        })
    }

    /// Adds a header; the handler reads it with `ctx.header(..)`. The framework's own have words of
    /// their own: setting one here is an `Invalid` error.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.with(|prepared| match header::word_for(name) {
            Some(way) => Err(Error::new(
                ErrorKind::Invalid,
                format!("the header {name:?} is the framework's own: {way}"),
            )),
            None => prepared.set(name, value),
        })
    }

    /// Says what the command belongs to: it stands in the log lines of its handler, and on all that the
    /// handler sends. Default: its job; inside a handler what that handler's work belongs to.
    pub fn correlation_id(self, id: &str) -> Self {
        self.with(|prepared| prepared.set(header::CORRELATION_ID, id))
    }

    /// Makes it part of a trace (W3C trace context). Inside a handler it is part of the trace of
    /// what is being handled without a word.
    pub fn trace(self, trace: TraceContext) -> Self {
        self.with(|prepared| prepared.set(header::TRACEPARENT, &trace.to_string()))
    }

    /// The same command with another type of result.
    pub fn returning<U: DeserializeOwned>(self) -> Command<U, E> {
        Command {
            prepared: self.prepared,
            result: PhantomData,
        }
    }

    /// The same command with a typed error.
    pub fn failing_with<F: DomainError>(self) -> Command<T, F> {
        Command {
            prepared: self.prepared,
            result: PhantomData,
        }
    }

    /// Sends it, again and again under one id, until the queue holds it or the time is over.
    ///
    /// Errors: `Invalid` for what was said wrongly, and for a command that nobody has ever served;
    /// `Encode` and `TooLarge` before anything is sent; `Overloaded` if the queue or the bucket of
    /// jobs is full, and then it is not queued; `Timeout` and `Disconnected`, where
    /// [`Error::was_sent`] tells whether it may be queued nevertheless: with an
    /// [idempotency key](Self::idempotency_key) it is safe to send it again; `NoService` if there
    /// is no JetStream; `Denied`.
    pub async fn send(self) -> Result<Job<T, E>> {
        let prepared = self.prepared?;
        let client = prepared.client.clone();
        let sent = Box::pin(send::send(*prepared)).await;
        count(SEND, &sent);
        Ok(Job::sent(client, &sent?))
    }
}
