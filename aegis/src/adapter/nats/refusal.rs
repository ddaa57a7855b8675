//! What a "no" means: whether another attempt may help, and what to do about it.

use std::error::Error as _;
use std::io;

use async_nats::rustls::{self, AlertDescription};
use async_nats::{ConnectError, ConnectErrorKind};

use super::options::{Authentication, NatsOptions};
use crate::error::{Error, ErrorKind};

/// Why an attempt to connect failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// Nobody is there, or not yet: the only reason for another attempt.
    Absent,
    /// The server does not take the login.
    Login,
    /// We cannot sign with what should be a seed.
    Seed,
    /// TLS cannot be set up on our side.
    TlsSetup,
    /// We do not trust the server's certificate.
    TheirCertificate,
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
            _ => tls_error(error).map_or(Self::Absent, Self::of_tls),
        }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        use AlertDescription as Alert;
        match error {
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
            Self::Absent => ErrorKind::Disconnected,
            Self::Seed | Self::TlsSetup => ErrorKind::Config,
            Self::Login | Self::TheirCertificate | Self::OurCertificate | Self::Handshake => {
                ErrorKind::Denied
            }
        }
    }

    fn text(self, names: &str, options: &NatsOptions) -> String {
        match self {
            Self::Absent => format!(
                "no connection to NATS at {names} within {:?}: is a server running there? `aegis \
                 dev` starts one; AEGIS_NATS_URL names another",
                options.connect_within
            ),
            Self::Login => login(names, &options.authentication),
            Self::Seed => "`nats.nkey` is not a seed to log in with: it is the text that starts \
                           with SU, not the public key"
                .to_owned(),
            Self::TlsSetup => format!(
                "TLS to {names} cannot be set up: check the files of `nats.tls_ca`, \
                 `nats.tls_cert` and `nats.tls_key`"
            ),
            Self::TheirCertificate => format!(
                "the certificate of NATS at {names} is not trusted: check that `nats.tls_ca` is \
                 the authority that signed it, and that it is valid for this host and day"
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
pub(super) fn explained(names: &str, options: &NatsOptions, error: ConnectError) -> Error {
    let reason = Reason::of(&error);
    Error::new(reason.kind(), reason.text(names, options)).because(error)
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
        format!("NATS does not allow this user to {verb} on {subject}: grant the permission"),
    )
}

/// What every call gets on a connection that may not listen for answers.
pub(super) fn no_inbox(pattern: &str) -> Error {
    Error::new(
        ErrorKind::Denied,
        format!(
            "NATS does not allow this user to subscribe on {pattern}, where answers to its calls \
             come in: grant the permission, or set `nats.inbox_prefix` to an inbox it may use"
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
