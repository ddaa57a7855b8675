//! The production program with an in-memory bus of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::app::{App, Config, Running};
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::layer::Layer;
use crate::model::{Headers, MethodName, ServiceName, Subject};
use crate::port::{Answer, Bus, KvStore, Outgoing, Streams};
use crate::serve::Service;

/// A program for one test: by default on an in-memory bus that nobody else uses.
///
/// ```
/// use aegis::prelude::*;
/// use aegis::testing::TestApp;
///
/// struct Calculator;
///
/// #[aegis::service(name = "calculator", version = "1.0.0")]
/// impl Calculator {
///     #[rpc]
///     async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
///         Ok(a + b)
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app = TestApp::new().service(Calculator).start().await?;
/// assert_eq!(app.client::<CalculatorClient>().add(1, 2).await?, 3);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a program does nothing until `start`"]
pub struct TestApp(App);

impl Default for TestApp {
    fn default() -> Self {
        Self::new()
    }
}

impl TestApp {
    /// A program without services.
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(App::new(
            Config::default().url(&format!("memory://test-{number}")),
        ))
    }

    /// The same on a real server.
    pub fn on_nats(self, url: &str) -> Self {
        self.configure(|config| config.url(url))
    }

    /// Changes the configuration.
    pub fn configure(self, change: impl FnOnce(Config) -> Config) -> Self {
        Self(self.0.configure(change))
    }

    /// Mounts a service.
    pub fn service<S: Service>(self, service: S) -> Self {
        Self(self.0.service(service))
    }

    /// Puts a layer around all that it serves and sends, as [`App::layer`] does.
    pub fn layer<L: Layer>(self, layer: L) -> Self {
        Self(self.0.layer(layer))
    }

    /// Starts it.
    pub async fn start(self) -> Result<RunningTest> {
        self.0.start().await.map(RunningTest)
    }
}

/// A program that serves a test.
#[derive(Debug)]
pub struct RunningTest(Running);

impl RunningTest {
    /// A client of the generated kind.
    pub fn client<C: for<'a> From<&'a Client>>(&self) -> C {
        C::from(self.0.client())
    }

    /// Sends a request as it stands on the wire, and waits 10 s for what comes back: for tests of
    /// what callers of other kinds send.
    ///
    /// ```
    /// # use aegis::prelude::*;
    /// # use aegis::testing::TestApp;
    /// # struct Calculator;
    /// # #[aegis::service(name = "calculator", version = "1.0.0")]
    /// # impl Calculator {
    /// #     #[rpc]
    /// #     async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> { Ok(a + b) }
    /// # }
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let app = TestApp::new().service(Calculator).start().await?;
    /// let headers = [("Aegis-Deadline-Ms", "0")];
    /// let answer = app.request("calculator", "add", &headers, br#"{"a":1,"b":2}"#).await?;
    /// assert_eq!(answer.headers.get("Nats-Service-Error-Code"), Some("408"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn request(
        &self,
        service: &str,
        method: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer> {
        let (service, method) = (ServiceName::parse(service)?, MethodName::parse(method)?);
        let subject = self.0.client().layout().rpc(&service, &method);
        let mut said = Headers::new();
        for (name, value) in headers {
            let set = said.set(name, value);
            set.map_err(|cause| Error::new(ErrorKind::Invalid, cause.to_string()))?;
        }
        let message = Outgoing::new(subject, body.to_vec()).with_headers(said);
        self.ask(message).await
    }

    /// What a service answers to `$SRV.STATS` (NATS micro, ADR-32).
    pub async fn stats(&self, service: &str) -> Result<serde_json::Value> {
        let all = self.0.client().layout().micro_all("STATS");
        let subject = Subject::trusted(format!("{all}.{}", ServiceName::parse(service)?));
        let answer = self.ask(Outgoing::new(subject, "")).await?;
        let text = "the statistics are no JSON";
        serde_json::from_slice(&answer.payload)
            .map_err(|cause| Error::new(ErrorKind::Decode, text).because(cause))
    }

    async fn ask(&self, message: Outgoing) -> Result<Answer> {
        let bus = self.0.client().bus();
        let until = Instant::now() + Duration::from_secs(10);
        bus.request(message, &bus.new_call(), until).await
    }

    /// The program itself.
    pub fn running(&self) -> &Running {
        &self.0
    }

    /// Ends it in order.
    pub async fn stop(self) -> Result<()> {
        self.0.stop().await
    }
}

/// The bus that a configuration leads to, for tests of what crosses it.
pub async fn bus(config: &Config) -> Result<Arc<dyn Bus>> {
    let connection = crate::app::open(config, "aegis-test").await?;
    Ok(connection.bus)
}

/// The buckets that a configuration leads to, for tests of what crosses the port.
pub async fn store(config: &Config) -> Result<Arc<dyn KvStore>> {
    let connection = crate::app::open(config, "aegis-test").await?;
    Ok(connection.store)
}

/// The streams that a configuration leads to, for tests of what crosses the port.
pub async fn streams(config: &Config) -> Result<Arc<dyn Streams>> {
    let connection = crate::app::open(config, "aegis-test").await?;
    Ok(connection.streams)
}
