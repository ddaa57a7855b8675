//! The `Bus` of one program, or one part of it, on an in-memory hub.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, StreamExt};
use tokio::sync::watch;
use tokio::time::Instant;

use super::hub::{Hub, ListenerId};
use super::kv::MemoryStore;
use super::stream::MemoryStreams;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Headers, Pattern, Subject, header};
use crate::port::{Answer, Bus, ConnectionState, Message, OpenCall, Outgoing, Stop, Subscription};

/// The default limit of a NATS server.
const MAX_PAYLOAD: usize = 1024 * 1024;

/// One connection to an in-memory bus.
#[derive(Debug)]
pub(crate) struct MemoryBus {
    hub: Arc<Hub>,
    connection: u64,
    name: String,
    state: watch::Sender<ConnectionState>,
}

/// Removes a subscription when its stream goes away.
struct Listening {
    hub: Arc<Hub>,
    id: ListenerId,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.hub.remove(self.id);
    }
}

/// Removes a call that nobody waits for any more.
struct Waiting<'a> {
    hub: &'a Hub,
    reply: &'a str,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.hub.give_up(self.reply);
    }
}

impl MemoryBus {
    /// Connects to the bus of this name in this process.
    pub(crate) fn connect(name: &str) -> Self {
        let hub = Hub::named(name);
        let connection = hub.new_id();
        let (state, _) = watch::channel(ConnectionState::Connected);
        Self {
            hub,
            connection,
            name: format!("memory://{name}"),
            state,
        }
    }

    /// The buckets of the same hub, for as long as this connection is open.
    pub(crate) fn store(&self) -> MemoryStore {
        MemoryStore::new(self.hub.clone(), self.state.subscribe())
    }

    /// The streams of the same hub, for as long as this connection is open.
    pub(crate) fn streams(&self) -> MemoryStreams {
        MemoryStreams::new(self.hub.clone(), self.state.subscribe())
    }

    fn check(&self, headers: &Headers, payload: &Bytes) -> Result<()> {
        if *self.state.borrow() == ConnectionState::Closed {
            return Err(Error::new(
                ErrorKind::Disconnected,
                "this connection was closed",
            ));
        }
        check_size(headers, payload)
    }

    async fn ask(&self, message: Outgoing, call: &OpenCall, deadline: Instant) -> Result<Answer> {
        self.check(&message.headers, &message.payload)?;
        let reply = self.reply_to(call);
        let waiting = Waiting {
            hub: &self.hub,
            reply: &reply,
        };
        let answer = self.hub.wait(&reply);
        call.mark_sent();
        let found = self.hub.deliver(&Message {
            subject: message.subject.clone(),
            reply: Some(Subject::trusted(reply.clone())),
            headers: message.headers,
            payload: message.payload,
        });
        if !found {
            return Err(crate::observe::no_service(&message.subject));
        }
        let answer = tokio::time::timeout_at(deadline, answer).await;
        drop(waiting);
        match answer {
            Ok(Ok(Message {
                headers, payload, ..
            })) => Ok(Answer { headers, payload }),
            _ => Err(crate::observe::no_answer(&message.subject)),
        }
    }
}

impl Bus for MemoryBus {
    fn publish(&self, message: Outgoing) -> BoxFuture<'_, Result<()>> {
        async move {
            self.check(&message.headers, &message.payload)?;
            let Outgoing {
                subject,
                reply,
                headers,
                payload,
            } = message;
            let message = Message {
                subject,
                reply,
                headers,
                payload,
            };
            if !self.hub.deliver(&message)
                && let Some(reply) = message.reply
            {
                // As a server does: the sender learns that nobody listens.
                self.hub.deliver(&no_responders(reply));
            }
            Ok(())
        }
        .boxed()
    }

    fn new_call(&self) -> OpenCall {
        OpenCall::new(self.hub.new_id())
    }

    fn reply_to(&self, call: &OpenCall) -> String {
        format!("_INBOX.memory{}.{}", self.connection, call.id())
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
        async move {
            self.check(&Headers::new(), &Bytes::new())?;
            let (id, receiver) = self.hub.listen(self.connection, pattern, queue);
            let listening = Listening {
                hub: self.hub.clone(),
                id,
            };
            let messages =
                stream::unfold((receiver, listening), |(mut receiver, listening)| async {
                    let message = receiver.recv().await?;
                    Some((message, (receiver, listening)))
                });
            let hub = self.hub.clone();
            let stop: Stop = Arc::new(move || {
                hub.remove(id);
                async { Ok(()) }.boxed()
            });
            Ok(Subscription::new(messages.boxed(), stop))
        }
        .boxed()
    }

    fn flush(&self) -> BoxFuture<'_, Result<()>> {
        async { self.check(&Headers::new(), &Bytes::new()) }.boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        async {
            self.state.send_replace(ConnectionState::Closed);
            self.hub.remove_connection(self.connection);
            Ok(())
        }
        .boxed()
    }

    fn state(&self) -> watch::Receiver<ConnectionState> {
        self.state.subscribe()
    }

    fn max_payload(&self) -> usize {
        MAX_PAYLOAD
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Drop for MemoryBus {
    fn drop(&mut self) {
        self.hub.remove_connection(self.connection);
    }
}

/// Whether a message is small enough.
pub(super) fn check_size(headers: &Headers, payload: &Bytes) -> Result<()> {
    let size = headers
        .iter()
        .map(|(name, value)| name.len() + value.len() + 4)
        .sum::<usize>()
        + payload.len();
    if size > MAX_PAYLOAD {
        return Err(crate::observe::too_large(size, MAX_PAYLOAD));
    }
    Ok(())
}

fn no_responders(reply: Subject) -> Message {
    let mut headers = Headers::new();
    headers.own(header::STATUS, "503".to_owned());
    Message {
        subject: reply,
        reply: None,
        headers,
        payload: Bytes::new(),
    }
}
