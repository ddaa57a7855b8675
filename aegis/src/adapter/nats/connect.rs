//! Makes the connection, and keeps watch over it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::{ClientError, ConnectOptions, Event, ServerAddr, ServerError};
use tokio::sync::watch;

use super::bus::NatsBus;
use super::denials::Denials;
use super::inbox::Inbox;
use super::options::{Authentication, NatsOptions, Way};
use super::refusal::{Reason, explained, parse_violation};
use super::subscriptions::Subscriptions;
use crate::error::{Error, ErrorKind, Result};
use crate::model::ServerVersion;
use crate::observe::{self, Seldom};
use crate::port::ConnectionState;

/// One attempt to connect, the server's greeting included.
const ATTEMPT: Duration = Duration::from_secs(2);
/// The same through a way that must be made first.
const ATTEMPT_THROUGH: Duration = Duration::from_secs(10);
/// A wait for the first connection that takes longer is told.
const SILENT_WAIT: Duration = Duration::from_secs(1);
/// The longest wait between two attempts to connect again; before jitter.
const SLOWEST_RECONNECT: Duration = Duration::from_millis(250);

/// What the connection's events tell, shared with the bus.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) state: watch::Sender<ConnectionState>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) denials: Denials,
    /// The same as in `state`, for every call to look at without a lock.
    connected: AtomicBool,
    pub(super) subscriptions: Arc<Subscriptions>,
    /// When the connection was lost; none while there is one.
    lost: Mutex<Option<Instant>>,
    /// It was said that the login is refused; once is enough until it is accepted again.
    login_refused: AtomicBool,
    /// What comes with every message is said seldom: lost ones, refused ones.
    slow: Seldom,
    refusals: Seldom,
    attempts: Seldom,
}

impl Watch {
    pub(super) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Acquire)
    }

    pub(super) fn close(&self) {
        self.enter(ConnectionState::Closed);
    }

    fn notice(&self, event: &Event) {
        match event {
            Event::Connected => {
                self.login_refused.store(false, Ordering::Relaxed);
                self.inbox.allow();
                self.denials.forget();
                self.subscriptions.forget();
                self.enter(ConnectionState::Connected);
                self.tell_that_it_is_back();
            }
            Event::Disconnected => {
                // The end of a connection that was closed on purpose is no news.
                if self.enter(ConnectionState::Disconnected) {
                    metrics::counter!(observe::DISCONNECTS).increment(1);
                    *self.lost() = Some(Instant::now());
                    tracing::warn!("the connection to NATS is lost; connecting again");
                }
            }
            Event::Closed => drop(self.enter(ConnectionState::Closed)),
            Event::SlowConsumer(_) => {
                metrics::counter!(observe::SLOW_CONSUMERS).increment(1);
                if let Some(unsaid) = self.slow.again() {
                    tracing::error!(
                        unsaid,
                        "a subscription is read too slowly and loses messages"
                    );
                }
            }
            Event::ServerError(ServerError::Other(text)) => self.server_error(text),
            Event::ServerError(ServerError::AuthorizationViolation) => self.refuse_login(),
            Event::LameDuckMode => tracing::warn!("the NATS server is about to stop"),
            Event::ClientError(ClientError::Other(text)) if text.contains("authorization") => {
                self.refuse_login();
            }
            Event::ClientError(error) if self.is_away_for_long() => {
                if let Some(unsaid) = self.attempts.again() {
                    tracing::warn!(%error, unsaid, "NATS cannot be reached; trying again");
                }
            }
            Event::ClientError(error) => tracing::debug!(%error, "NATS client"),
            other => tracing::debug!(event = %other, "NATS connection"),
        }
    }

    /// Changes the state, and tells whether that is news.
    fn enter(&self, next: ConnectionState) -> bool {
        self.state.send_if_modified(|state| {
            // Closed is for ever: a late event of the client does not undo it.
            let news = *state != ConnectionState::Closed && *state != next;
            if news {
                *state = next;
                let connected = next == ConnectionState::Connected;
                self.connected.store(connected, Ordering::Release);
            }
            news
        })
    }

    /// That it was lost has been said, and the first attempts to connect again were in vain.
    fn is_away_for_long(&self) -> bool {
        self.lost().is_some_and(|lost| lost.elapsed() > ATTEMPT)
    }

    fn lost(&self) -> MutexGuard<'_, Option<Instant>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first connection was not lost before: the start tells of it.
    fn tell_that_it_is_back(&self) {
        if let Some(lost) = self.lost().take() {
            let away = observe::shown(lost.elapsed());
            tracing::info!("the connection to NATS is back after {away}");
        }
    }

    fn refuse_login(&self) {
        if !self.login_refused.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "NATS refuses the login it took before: it was changed, revoked or has expired; \
                 trying until it is accepted again"
            );
        }
    }

    fn server_error(&self, text: &str) {
        let violation = parse_violation(text);
        if let Some(("publish", subject)) = violation
            && self.inbox.owns(subject)
        {
            // A round trip of ours: that it is refused is an answer as well.
            tracing::debug!(error = %text, "NATS refuses a message to ourselves");
            return self.inbox.denied(subject);
        }
        let Some((verb, subject)) = violation else {
            let text_low = text.to_ascii_lowercase();
            if text_low.contains("account authentication expired") {
                return tracing::error!(
                    error = %text,
                    "the NATS account of this user has expired: its operator has to renew it"
                );
            }
            if text_low.contains("expired") {
                return tracing::error!(
                    error = %text,
                    "the credentials have expired: replace the file, it is read anew at each attempt \
                     to connect"
                );
            }
            return tracing::error!(error = %text, "the NATS server reports an error");
        };
        let is_news = match verb {
            "publish" => {
                self.inbox.denied(subject);
                self.denials.note(subject)
            }
            _ if subject == self.inbox.pattern() => {
                let is_news = self.inbox.refuse() && !self.subscriptions.tries_inbox();
                self.subscriptions.news.notify_one();
                is_news
            }
            _ => self.subscriptions.refuse(subject),
        };
        let again = self.refusals.again();
        if is_news || again.is_some() {
            tracing::error!(
                error = %text, unsaid = again.unwrap_or_default(),
                "NATS does not let this user {verb} there: grant the permission, `aegis permissions` \
                 prints what is needed"
            );
        }
    }
}

/// Connects. A server that is not there yet is awaited within `connect_within`; wrong credentials
/// are an error at once.
pub(crate) async fn connect(options: NatsOptions) -> Result<Arc<NatsBus>> {
    let (state, _) = watch::channel(ConnectionState::Connected);
    let inbox = Inbox::new(&options.inbox_prefix);
    let watch = Arc::new(Watch {
        state,
        inbox: inbox.clone(),
        denials: Denials::default(),
        connected: AtomicBool::new(true),
        subscriptions: Arc::default(),
        lost: Mutex::default(),
        login_refused: AtomicBool::new(false),
        slow: Seldom::new(),
        refusals: Seldom::new(),
        attempts: Seldom::new(),
    });
    let client = first_connection(&options, &watch).await?;
    check_version(&client.server_info().version, &names(&options))?;
    let answers = client
        .subscribe(inbox.pattern())
        .await
        .map_err(|cause| Error::new(ErrorKind::Internal, "no inbox for answers").because(cause))?;
    let bus = NatsBus::new(client, watch, answers, names(&options), options.way);
    // The inbox is refused here rather than at the first call.
    crate::port::Bus::flush(&bus).await?;
    let bus = Arc::new(bus);
    bus.tries_again();
    Ok(bus)
}

/// The first connection; a wait for it is told.
async fn first_connection(options: &NatsOptions, watch: &Arc<Watch>) -> Result<async_nats::Client> {
    let mut connecting = Box::pin(attempts(options, watch));
    if let Ok(connected) = tokio::time::timeout(SILENT_WAIT, &mut connecting).await {
        return connected;
    }
    tracing::info!(
        "waiting for NATS at {} (up to {}, `connect_timeout`)",
        names(options),
        observe::shown(options.connect_within)
    );
    connecting.await
}

async fn attempts(options: &NatsOptions, watch: &Arc<Watch>) -> Result<async_nats::Client> {
    let start = Instant::now();
    let mut attempts = 0;
    loop {
        attempts += 1;
        let connecting = client_options(options, watch)
            .await?
            .connect(addresses(options)?);
        let error = match connecting.await {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        let wait = reconnect_delay(attempts);
        let refused = !Reason::of(&error).passes();
        if refused || start.elapsed() + wait >= options.connect_within {
            return Err(explained(&names(options), options, error).await);
        }
        tokio::time::sleep(wait).await;
    }
}

/// A server below the floor is refused here: what it does not know it drops without a word.
fn check_version(version: &str, names: &str) -> Result<()> {
    let floor = ServerVersion::FLOOR;
    match ServerVersion::parse(version) {
        Some(found) if found < floor => Err(Error::new(
            ErrorKind::Config,
            format!(
                "NATS at {names} is nats-server {found}, and {floor} is the oldest that works \
                 here (earlier ones can lose a stream when they are killed): upgrade nats-server, \
                 or start one that fits with `aegis dev`"
            ),
        )),
        Some(_) => Ok(()),
        None => {
            tracing::warn!(version, "a NATS server of an unknown version");
            Ok(())
        }
    }
}

fn names(options: &NatsOptions) -> String {
    let names: Vec<&str> = options.servers.iter().map(url::Url::as_str).collect();
    names.join(", ")
}

fn addresses(options: &NatsOptions) -> Result<Vec<ServerAddr>> {
    let parsed = options.servers.iter().cloned().map(ServerAddr::from_url);
    parsed
        .collect::<std::io::Result<_>>()
        .map_err(|cause| Error::new(ErrorKind::Config, "the NATS URL is not usable").because(cause))
}

async fn client_options(options: &NatsOptions, watch: &Arc<Watch>) -> Result<ConnectOptions> {
    let watch = watch.clone();
    let attempt = match options.way {
        Way::Direct => ATTEMPT.min(options.connect_within),
        Way::Through(_) => ATTEMPT_THROUGH,
    };
    let nats = match &options.authentication {
        Authentication::CredentialsFile(path) => {
            // What is wrong with it is told before a server is asked.
            super::credentials::read(path.clone()).await?;
            super::credentials::options(path)
        }
        _ => ConnectOptions::new(),
    };
    let mut nats = nats
        .name(&options.name)
        .connection_timeout(attempt)
        .ping_interval(options.ping_interval)
        .request_timeout(None)
        .custom_inbox_prefix(&options.inbox_prefix)
        // Our own subject type has checked every one of them already.
        .skip_subject_validation(true)
        .reconnect_delay_callback(reconnect_delay)
        .event_callback(move |event| {
            watch.notice(&event);
            std::future::ready(())
        });
    nats = match &options.authentication {
        Authentication::None | Authentication::CredentialsFile(_) => nats,
        Authentication::UserPassword { user, password } => {
            nats.user_and_password(user.clone(), password.clone())
        }
        Authentication::Token(token) => nats.token(token.clone()),
        Authentication::NKey(seed) => nats.nkey(seed.clone()),
    };
    if matches!(options.way, Way::Through(_)) {
        nats = nats.ignore_discovered_servers();
    }
    if options.tls.required {
        nats = nats.require_tls(true);
    }
    if let Some(path) = &options.tls.authority {
        nats = nats.add_root_certificates(path.clone());
    }
    if let Some((certificate, key)) = &options.tls.certificate {
        nats = nats.add_client_certificate(certificate.clone(), key.clone());
    }
    Ok(nats)
}

/// 0, then 20, 40 ... 250 ms, each up to a fifth more, so that clients do not come all at once.
fn reconnect_delay(attempts: usize) -> Duration {
    if attempts <= 1 {
        return Duration::ZERO;
    }
    let doublings = u32::try_from(attempts - 2).unwrap_or(u32::MAX).min(10);
    let delay = Duration::from_millis(20 * 2u64.pow(doublings)).min(SLOWEST_RECONNECT);
    delay.mul_f64(1.0 + observe::chance() / 5.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_server_is_refused_with_the_way_out() {
        for version in ["2.10.23", "2.10.26", "2.12.8", "3.0.0-RC.1", "mine"] {
            assert!(check_version(version, "nats://a").is_ok(), "{version}");
        }
        for version in ["2.9.25", "2.10.22", "1.4.1", "2.10.0-RC.1"] {
            let error = check_version(version, "nats://a:4222").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            let found = version.trim_end_matches("-RC.1");
            for part in ["nats://a:4222", found, "2.10.23", "upgrade nats-server"] {
                assert!(error.to_string().contains(part), "{part}: {error}");
            }
        }
    }

    #[test]
    fn reconnecting_is_quick_at_first_and_never_slow() {
        assert_eq!(reconnect_delay(0), Duration::ZERO);
        assert_eq!(reconnect_delay(1), Duration::ZERO);
        for (attempts, millis) in [(2, 20), (3, 40), (5, 160), (6, 250), (1_000_000, 250)] {
            let delay = reconnect_delay(attempts).as_millis();
            assert!(
                (millis..=millis + millis / 5).contains(&delay),
                "{attempts}: {delay} ms"
            );
        }
    }
}
