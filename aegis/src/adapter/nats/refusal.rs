//! What a "no" means: whether another attempt may help, and what to do about it.

use std::error::Error as _;
use std::io;

use async_nats::rustls::{self, AlertDescription};
use async_nats::{ConnectError, ConnectErrorKind, ServerError};
use time::OffsetDateTime;

use super::options::{Authentication, NatsOptions};
use crate::error::{Error, ErrorKind};

/// Why an attempt to connect failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// Nobody is there, or not yet: a reason for another attempt, as the next two.
    Absent,
    /// The name of the host leads nowhere.
    Unknown,
    /// The server has as many connections as it takes.
    Full,
    /// The server does not take the login.
    Login,
    /// We cannot sign with what should be a seed.
    Seed,
    /// TLS cannot be set up on our side.
    TlsSetup,
    /// We do not trust the server's certificate.
    TheirCertificate,
    /// It was good once, or will be.
    NotNow,
    /// It is good, for another host.
    OtherHost,
    /// The server does not trust our certificate, or misses one.
    OurCertificate,
    /// The two sides find no common way to encrypt.
    Handshake,
}

impl Reason {
    pub(super) fn of(error: &ConnectError) -> Self {
        match error.kind() {
            ConnectErrorKind::AuthorizationViolation => Self::Login,
            ConnectErrorKind::Authentication => Self::Seed,
            ConnectErrorKind::Tls => Self::TlsSetup,
            ConnectErrorKind::Dns => Self::Unknown,
            _ if says_full(error) => Self::Full,
            _ => tls_error(error).map_or(Self::Absent, Self::of_tls),
        }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        use AlertDescription as Alert;
        use rustls::CertificateError as Certificate;
        match error {
            rustls::Error::InvalidCertificate(
                Certificate::Expired
                | Certificate::ExpiredContext { .. }
                | Certificate::NotValidYet
                | Certificate::NotValidYetContext { .. },
            ) => Self::NotNow,
            rustls::Error::InvalidCertificate(
                Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
            ) => Self::OtherHost,
            rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
                Self::TheirCertificate
            }
            rustls::Error::AlertReceived(
                Alert::AccessDenied
                | Alert::BadCertificate
                | Alert::CertificateExpired
                | Alert::CertificateRequired
                | Alert::CertificateRevoked
                | Alert::CertificateUnknown
                | Alert::DecryptError
                | Alert::UnknownCA
                | Alert::UnsupportedCertificate,
            ) => Self::OurCertificate,
            _ => Self::Handshake,
        }
    }

    fn kind(self) -> ErrorKind {
        match self {
            Self::Absent | Self::Unknown | Self::Full => ErrorKind::Disconnected,
            Self::Seed | Self::TlsSetup => ErrorKind::Config,
            Self::Login
            | Self::TheirCertificate
            | Self::NotNow
            | Self::OtherHost
            | Self::OurCertificate
            | Self::Handshake => ErrorKind::Denied,
        }
    }

    /// Whether a later attempt may find it otherwise.
    pub(super) fn passes(self) -> bool {
        self.kind() == ErrorKind::Disconnected
    }

    fn text(self, names: &str, options: &NatsOptions) -> String {
        match self {
            Self::Absent => format!(
                "no connection to NATS at {names} within {:?}: is a server running there? `aegis \
                 dev` starts one; AEGIS_NATS_URL names another",
                options.connect_within
            ),
            Self::Unknown => format!(
                "the host of NATS at {names} was not found within {:?}: check the name in `nats.url` \
                 (AEGIS_NATS_URL), and that this machine can resolve it",
                options.connect_within
            ),
            Self::Full => format!(
                "NATS at {names} takes no more connections: raise its `max_connections`, or that of \
                 the account, or run fewer programs (a service has two connections, a client one)"
            ),
            Self::Login => login(names, &options.authentication),
            Self::Seed if matches!(options.authentication, Authentication::CredentialsFile(_)) => {
                "the file of `nats.credentials_file` changed while it was read, or cannot be used: \
                 the log says why"
                    .to_owned()
            }
            Self::Seed => "`nats.nkey` is not a seed to log in with: it is the text that starts \
                           with SU, not the public key"
                .to_owned(),
            Self::TlsSetup => format!(
                "TLS to {names} cannot be set up: check the files of `nats.tls_ca`, \
                 `nats.tls_cert` and `nats.tls_key`"
            ),
            Self::TheirCertificate => format!(
                "the certificate of NATS at {names} is not trusted: check that `nats.tls_ca` is \
                 the authority that signed it"
            ),
            Self::NotNow => format!(
                "the certificate of NATS at {names} has expired, or is not valid yet: renew it on \
                 the server, and check the clocks of both machines"
            ),
            Self::OtherHost => format!(
                "the certificate of NATS at {names} is for another host: connect by a name that is \
                 in it (`nats.url`), or have one made for this name"
            ),
            Self::OurCertificate => format!(
                "NATS at {names} wants a client certificate that it trusts: check `nats.tls_cert` \
                 and `nats.tls_key`"
            ),
            Self::Handshake => format!(
                "no TLS with NATS at {names}: check that the server has TLS, or leave out \
                 `nats.tls` and `tls://`"
            ),
        }
    }
}

/// `async-nats` reports a failed handshake as any other fault of reading and writing.
fn tls_error(error: &ConnectError) -> Option<&rustls::Error> {
    let cause = error.source()?.downcast_ref::<io::Error>()?;
    cause.get_ref()?.downcast_ref()
}

/// A server that is full says so before it asks who we are.
fn says_full(error: &ConnectError) -> bool {
    let said = error.source().and_then(|cause| cause.downcast_ref());
    let Some(ServerError::Other(text)) = said else {
        return false;
    };
    let text = text.to_ascii_lowercase();
    text.contains("maximum") && text.contains("connections exceeded")
}

fn login(names: &str, authentication: &Authentication) -> String {
    let check = match authentication {
        Authentication::None => {
            return format!(
                "NATS at {names} wants a login, and none is set: set `nats.user` and \
                 `nats.password`, `nats.token`, `nats.nkey` or `nats.credentials_file`"
            );
        }
        Authentication::UserPassword { user, .. } => {
            format!("check `nats.user` ({user:?}) and `nats.password`")
        }
        Authentication::Token(_) => "check `nats.token`".to_owned(),
        Authentication::NKey(_) => {
            "check that the server knows the public key of the seed in `nats.nkey`".to_owned()
        }
        Authentication::CredentialsFile(path) => format!(
            "check that `nats.credentials_file` ({}) is of this server's operator, and neither \
             expired nor revoked",
            path.display()
        ),
    };
    format!("NATS at {names} refuses the login: {check}")
}

/// The error for attempts that came to nothing.
pub(super) async fn explained(names: &str, options: &NatsOptions, error: ConnectError) -> Error {
    let reason = Reason::of(&error);
    let text = match (reason, &options.authentication) {
        (Reason::Login, Authentication::CredentialsFile(path)) => {
            let read = super::credentials::read(path.clone()).await.ok();
            let expired = read.and_then(|read| read.expired(OffsetDateTime::now_utc()));
            expired.map(|end| {
                format!(
                    "NATS at {names} refuses the login: the credentials in \
                     `nats.credentials_file` ({}) expired at {end}: have new ones made, and put them \
                     there",
                    path.display()
                )
            })
        }
        _ => None,
    };
    let text = text.unwrap_or_else(|| reason.text(names, options));
    Error::new(reason.kind(), text).because(error)
}

/// Reads `Permissions Violation for Publish to "subject"`, as servers since 2.0 word it.
pub(super) fn parse_violation(text: &str) -> Option<(&'static str, &str)> {
    let at = text
        .to_ascii_lowercase()
        .find("permissions violation for ")?;
    let rest = &text[at + "permissions violation for ".len()..];
    let verb = match rest.get(..9)?.to_ascii_lowercase().as_str() {
        "publish t" => "publish",
        "subscript" => "subscribe",
        _ => return None,
    };
    let subject = rest.split('"').nth(1)?;
    Some((verb, subject))
}

pub(super) fn denied(verb: &str, subject: &str) -> Error {
    Error::new(
        ErrorKind::Denied,
        format!(
            "NATS does not allow this user to {verb} on {subject}: grant the permission (`aegis \
             permissions` prints what is needed)"
        ),
    )
}

/// What every call gets on a connection that may not listen for answers.
pub(super) fn no_inbox(pattern: &str) -> Error {
    Error::new(
        ErrorKind::Denied,
        format!(
            "NATS does not allow this user to subscribe on {pattern}, where answers to its calls \
             come in: grant the permission (`aegis permissions` prints what is needed), or set \
             `nats.inbox_prefix` to an inbox it may use"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io_error(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectError {
        ConnectError::from(io::Error::new(io::ErrorKind::InvalidData, cause))
    }

    #[test]
    fn only_absence_is_worth_another_attempt() {
        let alert = rustls::Error::AlertReceived;
        let untrusted = rustls::CertificateError::UnknownIssuer;
        let garbage = rustls::InvalidMessage::InvalidContentType;
        for (error, reason, kind) in [
            (
                ConnectErrorKind::AuthorizationViolation.into(),
                Reason::Login,
                ErrorKind::Denied,
            ),
            (
                ConnectErrorKind::Authentication.into(),
                Reason::Seed,
                ErrorKind::Config,
            ),
            (
                ConnectErrorKind::Tls.into(),
                Reason::TlsSetup,
                ErrorKind::Config,
            ),
            (
                ConnectErrorKind::TimedOut.into(),
                Reason::Absent,
                ErrorKind::Disconnected,
            ),
            (
                io_error("connection refused"),
                Reason::Absent,
                ErrorKind::Disconnected,
            ),
            (
                io_error(rustls::Error::InvalidCertificate(untrusted)),
                Reason::TheirCertificate,
                ErrorKind::Denied,
            ),
            (
                io_error(alert(AlertDescription::CertificateRequired)),
                Reason::OurCertificate,
                ErrorKind::Denied,
            ),
            (
                io_error(alert(AlertDescription::ProtocolVersion)),
                Reason::Handshake,
                ErrorKind::Denied,
            ),
            (
                io_error(rustls::Error::InvalidMessage(garbage)),
                Reason::Handshake,
                ErrorKind::Denied,
            ),
        ] {
            assert_eq!(Reason::of(&error), reason, "{error}");
            assert_eq!(reason.kind(), kind, "{error}");
            let passes = kind == ErrorKind::Disconnected;
            assert_eq!(reason.passes(), passes, "{error}");
        }
    }

    #[test]
    fn what_is_mended_in_other_ways_is_told_apart() {
        let certificate = rustls::Error::InvalidCertificate;
        let full = ServerError::Other("maximum connections exceeded".to_owned());
        for (error, reason, kind) in [
            (
                ConnectErrorKind::Dns.into(),
                Reason::Unknown,
                ErrorKind::Disconnected,
            ),
            (
                ConnectError::with_source(ConnectErrorKind::Io, full),
                Reason::Full,
                ErrorKind::Disconnected,
            ),
            (
                io_error(certificate(rustls::CertificateError::Expired)),
                Reason::NotNow,
                ErrorKind::Denied,
            ),
            (
                io_error(certificate(rustls::CertificateError::NotValidForName)),
                Reason::OtherHost,
                ErrorKind::Denied,
            ),
        ] {
            assert_eq!(Reason::of(&error), reason, "{error}");
            assert_eq!(reason.kind(), kind, "{error}");
        }
    }

    #[test]
    fn violations_are_read() {
        for (text, expected) in [
            (
                "Permissions Violation for Publish to \"rpc.a.b\"",
                Some(("publish", "rpc.a.b")),
            ),
            (
                "permissions violation for publish to \"rpc.a.b\"",
                Some(("publish", "rpc.a.b")),
            ),
            (
                "Permissions Violation for Subscription to \"rpc.a.b\" using queue \"rpc.a\"",
                Some(("subscribe", "rpc.a.b")),
            ),
            ("Permissions Violation for Publish to rpc.a.b", None),
            ("Permissions Violation for ", None),
            ("Permissions Violation for Pübl", None),
            ("Maximum Payload Violation", None),
            ("", None),
        ] {
            assert_eq!(parse_violation(text), expected, "{text:?}");
        }
    }
}
