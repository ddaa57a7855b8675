//! The port `Bus` on a NATS connection.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::StreamExt;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::again::Tasks;
use super::connect::Watch;
use super::convert;
use super::listener::Listener;
use super::options::Way;
use super::refusal::denied;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Headers, Pattern, ServerFacts, ServerVersion, Subject};
use crate::observe;
use crate::port::{Answer, Bus, ConnectionState, OpenCall, Outgoing, Stop, Subscription};

/// A hand-over or a round trip that the connection does not take for so long has failed.
const STUCK: Duration = Duration::from_secs(5);
/// How long a refusal may come after the answer of the server to a later request.
const LATE_REFUSAL: Duration = Duration::from_millis(20);
/// A NATS connection.
#[derive(Clone)]
pub(crate) struct NatsBus {
    pub(super) client: async_nats::Client,
    pub(super) watch: Arc<Watch>,
    pub(super) tasks: Arc<Tasks>,
    name: Arc<str>,
    _way: Way,
}

impl fmt::Debug for NatsBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsBus")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl NatsBus {
    /// A bus whose answers come through `inbox`.
    pub(super) fn new(
        client: async_nats::Client,
        watch: Arc<Watch>,
        inbox: async_nats::Subscriber,
        name: String,
        way: Way,
    ) -> Self {
        let answers = tokio::spawn(watch.inbox.clone().receive(inbox));
        Self {
            client,
            watch,
            tasks: Arc::new(Tasks::new(AbortOnDropHandle::new(answers))),
            name: name.into(),
            _way: way,
        }
    }

    /// The version of the server at the other end, if it is one that can be read.
    pub(super) fn server_version(&self) -> Option<ServerVersion> {
        ServerVersion::parse(&self.client.server_info().version)
    }

    pub(super) fn is_connected(&self) -> bool {
        self.watch.is_connected()
    }

    /// A place for subjects of one token more. They are as deep as those on which answers come in,
    /// so that the same permissions let them pass; and none of those, or all would come twice.
    pub(super) fn inbox_for(&self, name: &str) -> String {
        let reply = self.watch.inbox.reply_to(&self.watch.inbox.new_call());
        let prefix = reply.rsplitn(3, '.').last().unwrap_or_default();
        format!("{prefix}.{name}")
    }

    /// Waits for a connection. Nothing is handed over before: `async-nats` would keep it, and send
    /// it when the caller has long given up.
    pub(super) async fn connected(&self, subject: &Subject, deadline: Instant) -> Result<()> {
        let mut state = self.watch.state.subscribe();
        let ready = state.wait_for(|state| *state != ConnectionState::Disconnected);
        match tokio::time::timeout_at(deadline, ready).await {
            Ok(Ok(state)) if *state == ConnectionState::Connected => Ok(()),
            Ok(_) => Err(Error::new(
                ErrorKind::Disconnected,
                "this connection was closed",
            )),
            Err(_) => Err(Error::new(
                ErrorKind::Disconnected,
                format!(
                    "no connection to NATS at {}: nothing was sent on {subject}",
                    self.name
                ),
            )),
        }
    }

    pub(super) fn check_size(&self, headers: &Headers, payload: &Bytes) -> Result<()> {
        let limit = self.client.max_payload();
        let lines = headers
            .iter()
            .map(|(name, value)| name.len() + value.len() + 4);
        let size = if headers.is_empty() {
            payload.len()
        } else {
            payload.len() + lines.sum::<usize>() + "NATS/1.0\r\n\r\n".len()
        };
        if size > limit {
            return Err(observe::too_large(size, limit));
        }
        Ok(())
    }

    /// Hands a message to the client, with or without a reply subject.
    pub(super) async fn hand_over(
        &self,
        subject: &Subject,
        headers: &Headers,
        payload: Bytes,
        reply: Option<async_nats::Subject>,
    ) -> Result<()> {
        self.check_size(headers, &payload)?;
        if !headers.is_empty() {
            // On the heap, so that the usual message does not make room for this one.
            let handing = self.hand_over_with(subject, headers, payload, reply);
            return handing.boxed().await;
        }
        let subject = convert::to_subject(subject);
        let sent = match reply {
            Some(reply) => {
                self.client
                    .publish_with_reply(subject, reply, payload)
                    .await
            }
            None => self.client.publish(subject, payload).await,
        };
        sent.map_err(not_taken)
    }

    pub(super) async fn hand_over_with(
        &self,
        subject: &Subject,
        headers: &Headers,
        payload: Bytes,
        reply: Option<async_nats::Subject>,
    ) -> Result<()> {
        let subject = convert::to_subject(subject);
        let headers = convert::to_headers(headers)?;
        let client = &self.client;
        let sent = match reply {
            Some(reply) => {
                client
                    .publish_with_reply_and_headers(subject, reply, headers, payload)
                    .await
            }
            None => client.publish_with_headers(subject, headers, payload).await,
        };
        sent.map_err(not_taken)
    }

    pub(super) async fn publish_now(&self, message: Outgoing) -> Result<()> {
        let reply = message.reply.as_ref().map(convert::to_subject);
        // The client keeps a bounded number, also without a connection; then it makes us wait.
        let handing = self.hand_over(&message.subject, &message.headers, message.payload, reply);
        let taken = tokio::time::timeout(STUCK, handing).await;
        taken.unwrap_or_else(|_| Err(stuck(&message.subject)))
    }

    /// Sends a message to ourselves: the server handles a connection's lines in order, so its
    /// arrival proves that everything before was handled. (`Client::flush` only writes.)
    pub(super) async fn there_and_back(&self) -> Result<()> {
        let deadline = Instant::now() + STUCK;
        let mut state = self.watch.state.subscribe();
        loop {
            let inbox = &self.watch.inbox;
            let call = inbox.new_call();
            let subject = Subject::trusted(inbox.reply_to(&call));
            self.connected(&subject, deadline).await?;
            state.mark_unchanged();
            let mut ticket = inbox.ticket(&call, &subject);
            let (headers, payload) = (Headers::new(), Bytes::new());
            let handing = self.hand_over(&subject, &headers, payload, None);
            match tokio::time::timeout_at(deadline, handing).await {
                Ok(handed) => handed?,
                Err(_) => return Err(stuck(&subject)),
            }
            let answered = tokio::select! {
                biased;
                answered = tokio::time::timeout_at(deadline, ticket.answered()) => answered,
                // It is lost with its connection; what it follows is said again on the next one.
                Ok(()) = state.changed() => continue,
            };
            return match answered {
                Ok(Ok(Ok(_))) => Ok(()),
                // A user who may not send to inboxes: the refusal comes back in order as well.
                Ok(Ok(Err(error))) if error.kind() == ErrorKind::Denied && !inbox.is_refused() => {
                    Ok(())
                }
                Ok(Ok(Err(error))) => Err(error),
                _ => Err(Error::new(
                    ErrorKind::Disconnected,
                    format!("NATS at {} did not answer within {STUCK:?}", self.name),
                )),
            };
        }
    }

    /// The server has handled everything that was said, and what it refused is known.
    pub(super) async fn handled(&self) -> Result<()> {
        self.there_and_back().await?;
        // A refusal takes another way through the client than the answer just received. Users who
        // need no login can be limited as well (`no_auth_user`), and nothing tells.
        tokio::time::sleep(LATE_REFUSAL).await;
        Ok(())
    }

    async fn flush_now(&self) -> Result<()> {
        self.handled().await?;
        match self.watch.subscriptions.take_untold() {
            Some(subject) => Err(denied("subscribe", &subject)),
            None => Ok(()),
        }
    }

    pub(super) async fn subscribed(
        &self,
        pattern: &str,
        queue: Option<String>,
    ) -> Result<async_nats::Subscriber> {
        let pattern = pattern.to_owned();
        let made = match queue {
            Some(queue) => self.client.queue_subscribe(pattern.clone(), queue).await,
            None => self.client.subscribe(pattern.clone()).await,
        };
        made.map_err(|cause| {
            Error::new(
                ErrorKind::Disconnected,
                format!("no subscription on {pattern}"),
            )
            .because(cause)
        })
    }

    async fn listen(&self, pattern: Pattern, queue: Option<String>) -> Result<Subscription> {
        let subscriber = self.subscribed(pattern.as_str(), queue.clone()).await?;
        let listener = Listener::new(subscriber);
        let subscriptions = &self.watch.subscriptions;
        subscriptions.add(pattern.as_str(), queue, &listener);
        let bus = self.clone();
        let stopped = Arc::downgrade(&listener);
        let stop: Stop = Arc::new(move || {
            let (bus, listener) = (bus.clone(), stopped.upgrade());
            async move {
                match listener {
                    Some(listener) => bus.end(&listener).await,
                    None => Ok(()),
                }
            }
            .boxed()
        });
        Ok(Subscription::new(listener.messages().boxed(), stop))
    }

    /// Ends a subscription without losing what the server has delivered.
    async fn end(&self, listener: &Listener) -> Result<()> {
        let mut delivered = Ok(());
        // While it is tried again it has two ends.
        let round = &self.watch.subscriptions.round;
        let _round = tokio::time::timeout(STUCK, round.read()).await;
        // Without a connection nothing is on the way.
        if self.is_connected() {
            listener.stop_delivery().await;
            delivered = self.there_and_back().await;
        }
        listener.end();
        self.watch.subscriptions.tell();
        delivered
    }
}

pub(super) fn stuck(subject: &Subject) -> Error {
    Error::new(
        ErrorKind::Disconnected,
        format!("the connection took nothing for too long: nothing was sent on {subject}"),
    )
}

fn not_taken(cause: async_nats::PublishError) -> Error {
    Error::new(ErrorKind::Disconnected, "the connection took no message").because(cause)
}

impl Bus for NatsBus {
    fn publish(&self, message: Outgoing) -> BoxFuture<'_, Result<()>> {
        self.publish_now(message).boxed()
    }

    fn new_call(&self) -> OpenCall {
        self.watch.inbox.new_call()
    }

    fn reply_to(&self, call: &OpenCall) -> String {
        self.watch.inbox.reply_to(call)
    }

    fn request<'a>(
        &'a self,
        message: Outgoing,
        call: &'a OpenCall,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Answer>> {
        self.ask(message, call, deadline).boxed()
    }

    fn subscribe(
        &self,
        pattern: Pattern,
        queue: Option<String>,
    ) -> BoxFuture<'_, Result<Subscription>> {
        self.listen(pattern, queue).boxed()
    }

    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        self.flush_now().boxed()
    }

    fn round_trip(&self) -> BoxFuture<'_, Result<()>> {
        self.there_and_back().boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        async {
            let flushed = if self.is_connected() {
                self.there_and_back().await
            } else {
                Ok(())
            };
            self.watch.close();
            // An error means that it is closed already.
            let _ = tokio::time::timeout(STUCK, self.client.drain()).await;
            flushed
        }
        .boxed()
    }

    fn state(&self) -> watch::Receiver<ConnectionState> {
        self.watch.state.subscribe()
    }

    fn refused(&self) -> watch::Receiver<Vec<String>> {
        self.watch.subscriptions.refused()
    }

    fn max_payload(&self) -> usize {
        self.client.max_payload()
    }

    fn server(&self) -> Option<ServerFacts> {
        let info = self.client.server_info();
        Some(ServerFacts {
            name: info.server_name,
            version: info.version,
            cluster: info.cluster.filter(|name| !name.is_empty()),
            jetstream: info.jetstream,
            max_payload: info.max_payload,
        })
    }

    fn name(&self) -> String {
        self.name.to_string()
    }
}
