//! How to reach a NATS server, and as whom.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

/// Everything needed to connect. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub(crate) struct NatsOptions {
    /// One or more servers of one cluster, without user or password.
    pub(crate) servers: Vec<Url>,
    pub(crate) authentication: Authentication,
    pub(crate) tls: Tls,
    /// Shown in the server's own reports.
    pub(crate) name: String,
    pub(crate) inbox_prefix: String,
    /// How long the first connection may take, all attempts together.
    pub(crate) connect_within: Duration,
    /// How often the connection is checked.
    pub(crate) ping_interval: Duration,
    pub(crate) way: Way,
}

/// How the servers are reached.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// By their addresses.
    Direct,
    /// Through something that lasts as long as it is held. The addresses that servers tell of each
    /// other lead nowhere from here.
    #[expect(dead_code, reason = "it is held, and never looked at")]
    Through(Arc<dyn Held>),
}

/// What only needs to be held.
pub(crate) trait Held: fmt::Debug + Send + Sync {}

impl<T: fmt::Debug + Send + Sync> Held for T {}

/// As whom to connect.
#[derive(Clone)]
pub(crate) enum Authentication {
    None,
    UserPassword {
        user: String,
        password: String,
    },
    Token(String),
    /// The seed of an `NKey`.
    NKey(String),
    /// A `.creds` file with a JWT and a seed.
    CredentialsFile(PathBuf),
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::UserPassword { user, .. } => write!(f, "UserPassword({user:?}, <redacted>)"),
            Self::Token(_) => f.write_str("Token(<redacted>)"),
            Self::NKey(_) => f.write_str("NKey(<redacted>)"),
            Self::CredentialsFile(path) => write!(f, "CredentialsFile({})", path.display()),
        }
    }
}

/// Encryption beyond what the URL's scheme `tls://` asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tls {
    pub(crate) required: bool,
    /// A PEM file of the authorities to trust instead of the system's.
    pub(crate) authority: Option<PathBuf>,
    /// PEM files of the client's certificate and its key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
}
