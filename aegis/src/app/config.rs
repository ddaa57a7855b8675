//! What can be set, with its defaults.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::locate::{Found, Locating};
use super::replica_settings::ReplicaSettings;
use super::settings;
use super::strangers;
use super::telling::Telling;
use crate::adapter::nats::{Authentication, Tls};
use crate::client::StreamSettings;
use crate::error::Result;
use crate::model::{BreakerPolicy, Codec, Failover, InstanceId, Layout, RetryPolicy, Subject};

/// The configuration of a program: defaults, then `aegis.toml`, then the environment, then code.
///
/// `docs/configuration.md` lists every setting. `Debug` shows no secret.
///
/// ```
/// use std::time::Duration;
/// use aegis::Config;
///
/// let config = Config::default().url("memory://").call_timeout(Duration::from_secs(2));
/// # let _ = config;
/// ```
#[derive(Clone)]
pub struct Config {
    pub(super) target: Target,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) token: Option<String>,
    pub(super) nkey: Option<String>,
    pub(super) credentials_file: Option<PathBuf>,
    pub(super) tls_required: bool,
    pub(super) tls_ca: Option<PathBuf>,
    pub(super) tls_cert: Option<PathBuf>,
    pub(super) tls_key: Option<PathBuf>,
    pub(super) inbox_prefix: String,
    pub(super) instance: Option<InstanceId>,
    pub(super) source: Option<String>,
    pub(super) codec: Codec,
    pub(super) envelope: bool,
    pub(super) prefix: String,
    pub(super) micro_root: Option<Subject>,
    pub(super) telling: Telling,
    pub(super) call_timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) drain_timeout: Duration,
    pub(super) ping_interval: Duration,
    pub(super) registry: bool,
    pub(super) heartbeat: Duration,
    pub(super) instance_ttl: Option<Duration>,
    pub(super) failover: Option<Failover>,
    pub(super) streams: StreamSettings,
    pub(super) leader_replicas: Option<u8>,
    pub(super) replicas: ReplicaSettings,
    pub(super) locating: Box<Locating>,
    pub(super) retry: RetryPolicy,
    pub(super) breaker: BreakerPolicy,
    /// Mistakes in what code has set, told when the configuration is used.
    pub(super) mistakes: Vec<String>,
    /// Variables that look like settings and are none.
    pub(super) strangers: Vec<String>,
}

/// Where messages go.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// A bus inside this process.
    Memory(String),
    /// The servers of one NATS cluster.
    Nats(Vec<Url>),
    /// Wherever NATS is found.
    Auto,
    /// Where it was found.
    Found(Found),
}

impl Default for Config {
    fn default() -> Self {
        // The literal is a URL; an empty list would be refused with a clear text when connecting.
        let servers = Url::parse("nats://127.0.0.1:4222").into_iter().collect();
        Self {
            target: Target::Nats(servers),
            user: None,
            password: None,
            token: None,
            nkey: None,
            credentials_file: None,
            tls_required: false,
            tls_ca: None,
            tls_cert: None,
            tls_key: None,
            inbox_prefix: "_INBOX".to_owned(),
            instance: None,
            source: None,
            codec: Codec::Json,
            envelope: false,
            prefix: String::new(),
            micro_root: None,
            telling: Telling::default(),
            call_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(30),
            ping_interval: Duration::from_secs(3),
            registry: true,
            heartbeat: Duration::from_secs(2),
            instance_ttl: None,
            failover: None,
            streams: StreamSettings::default(),
            leader_replicas: None,
            replicas: ReplicaSettings::default(),
            locating: Box::default(),
            retry: RetryPolicy::never(),
            breaker: BreakerPolicy::default(),
            mistakes: Vec::new(),
            strangers: Vec::new(),
        }
    }
}

impl Config {
    /// Reads `aegis.toml` (or the file that `AEGIS_CONFIG` names) and the environment.
    ///
    /// Errors: `Config`, with every mistake and where its value came from.
    pub fn load() -> Result<Self> {
        Self::load_over(Self::default())
    }

    /// The same over defaults of the program's own: a program that runs in memory unless it is told
    /// otherwise says `Config::load_over(Config::default().url("memory://"))`.
    pub fn load_over(defaults: Self) -> Result<Self> {
        let (config, right) = Self::read_over(defaults);
        right.map(|()| config)
    }

    /// The same, and what could be read beside mistakes.
    pub(super) fn read_over(defaults: Self) -> (Self, Result<()>) {
        let (mut config, right) = settings::read(defaults, &|name| std::env::var(name).ok());
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        config.strangers = strangers::among(names);
        (config, right)
    }

    pub(super) fn set(self, key: &'static str, text: &str) -> Self {
        self.set_from(key, text, "in code")
    }

    pub(super) fn set_from(mut self, key: &'static str, text: &str, source: &str) -> Self {
        if let Err(mistake) = settings::set(&mut self, key, text, source) {
            self.mistakes.push(mistake);
        }
        self
    }

    /// Where to connect: `nats://host:4222`, `tls://..`, several servers with commas between them,
    /// `memory://` for a bus inside this process, or `auto` for wherever NATS is found.
    #[must_use]
    pub fn url(self, url: &str) -> Self {
        self.set("nats.url", url)
    }

    /// User and password.
    #[must_use]
    pub fn user_and_password(mut self, user: &str, password: &str) -> Self {
        self.user = Some(user.to_owned());
        self.password = Some(password.to_owned());
        self
    }

    /// A token.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// The seed of an `NKey`.
    #[must_use]
    pub fn nkey(mut self, seed: &str) -> Self {
        self.nkey = Some(seed.to_owned());
        self
    }

    /// A `.creds` file with a JWT and a seed.
    #[must_use]
    pub fn credentials_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.credentials_file = Some(path.into());
        self
    }

    /// Refuses connections without TLS.
    #[must_use]
    pub fn require_tls(mut self) -> Self {
        self.tls_required = true;
        self
    }

    /// A PEM file of the authorities to trust instead of the system's.
    #[must_use]
    pub fn tls_ca(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls_ca = Some(path.into());
        self
    }

    /// PEM files of the client's own certificate and its key.
    #[must_use]
    pub fn tls_certificate(mut self, cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls_cert = Some(cert.into());
        self.tls_key = Some(key.into());
        self
    }

    /// Where answers to this program's calls come in, if its user may not use `_INBOX`: a subject
    /// such as `_INBOX.billing`. Services with another prefix answer only below `_INBOX`.
    #[must_use]
    pub fn inbox_prefix(self, prefix: &str) -> Self {
        self.set("nats.inbox_prefix", prefix)
    }

    /// The id of this process: a letter or digit, then up to 127 letters, digits, `_` or `-`.
    /// Default: the service's name and a random number.
    #[must_use]
    pub fn instance_id(self, id: &str) -> Self {
        self.set("instance_id", id)
    }

    /// Who is said to publish and to call, in what this program's client sends: 1 to 128 visible
    /// ASCII characters. Default: the name of its first service, or `aegis-client`.
    #[must_use]
    pub fn source(self, source: &str) -> Self {
        self.set("source", source)
    }

    /// A subject prefix, for several environments on one account.
    #[must_use]
    pub fn subject_prefix(self, prefix: &str) -> Self {
        self.set("subject_prefix", prefix)
    }

    /// The root of the NATS micro subjects (ADR-32); default `$SRV`.
    #[must_use]
    pub fn micro_prefix(self, prefix: &str) -> Self {
        self.set("nats.micro_prefix", prefix)
    }

    /// The encoding of calls. A service answers in the encoding of the request.
    #[must_use]
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// Calls speak the envelope of `AegisSDK` 1.0, for services written with it.
    #[must_use]
    pub fn envelope(mut self) -> Self {
        self.envelope = true;
        self
    }

    /// How long a call may take whose method and caller say nothing; default 5 s.
    #[must_use]
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = timeout;
        self
    }

    /// How long a start waits for the NATS server; default 10 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a stop waits for calls that run; default 30 s.
    #[must_use]
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// How often an idle connection is checked; default 3 s. A server that hangs is noticed after
    /// about three intervals.
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval;
        self
    }

    /// Whether services announce themselves in the registry; default yes. Without, they serve as
    /// well, but no [`Discovery`](crate::Discovery) finds them.
    #[must_use]
    pub fn registry(mut self, on: bool) -> Self {
        self.registry = on;
        self
    }

    /// How often an instance says that it is alive; default 2 s.
    #[must_use]
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = interval;
        self
    }

    /// How long an instance may say nothing before it counts as gone; default three heartbeats,
    /// which is also the shortest.
    #[must_use]
    pub fn instance_ttl(mut self, ttl: Duration) -> Self {
        self.instance_ttl = Some(ttl);
        self
    }

    /// How soon another instance leads when a leader is lost; default: what each service says.
    #[must_use]
    pub fn failover(mut self, failover: Failover) -> Self {
        self.failover = Some(failover);
        self
    }

    /// On how many servers of a NATS cluster the records of leaders are kept, 1 to 5; default 1.
    /// Only the first program that needs them can say it.
    #[must_use]
    pub fn leader_replicas(self, servers: u8) -> Self {
        self.set("leader.replicas", &servers.to_string())
    }

    /// The retry policy of calls that name none; default: never.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// The circuit breaker of every method.
    #[must_use]
    pub fn breaker(mut self, policy: BreakerPolicy) -> Self {
        self.breaker = policy;
        self
    }

    pub(super) fn authentication(&self) -> Authentication {
        if let (Some(user), Some(password)) = (&self.user, &self.password) {
            return Authentication::UserPassword {
                user: user.clone(),
                password: password.clone(),
            };
        }
        if let Some(token) = &self.token {
            return Authentication::Token(token.clone());
        }
        if let Some(seed) = &self.nkey {
            return Authentication::NKey(seed.clone());
        }
        self.credentials_file
            .clone()
            .map_or(Authentication::None, Authentication::CredentialsFile)
    }

    pub(super) fn tls(&self) -> Tls {
        Tls {
            required: self.tls_required,
            authority: self.tls_ca.clone(),
            certificate: self.tls_cert.clone().zip(self.tls_key.clone()),
        }
    }

    pub(super) fn layout(&self) -> Result<Layout> {
        let layout = Layout::with_prefix(&self.prefix)?;
        Ok(match &self.micro_root {
            Some(root) => layout.with_micro_root(root),
            None => layout,
        })
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("target", &self.target)
            .field("authentication", &self.authentication())
            .field("tls", &self.tls())
            .field("instance", &self.instance)
            .field("codec", &self.codec)
            .field("envelope", &self.envelope)
            .field("subject_prefix", &self.prefix)
            .field("call_timeout", &self.call_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("drain_timeout", &self.drain_timeout)
            .finish_non_exhaustive()
    }
}
