//! What the connections of one in-memory bus share: who listens where.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{mpsc, oneshot};

use super::kv::Buckets;
use super::stream::Shelf;
use crate::model::{Headers, Pattern};
use crate::port::Message;

/// Undelivered messages a subscription holds before it loses new ones, as with the NATS client.
const CAPACITY: usize = 65_536;

/// Hubs by name: `memory://orders` is the same bus in the whole process while anybody uses it.
static HUBS: LazyLock<Mutex<HashMap<String, Weak<Hub>>>> = LazyLock::new(Mutex::default);

/// One in-memory bus.
#[derive(Debug, Default)]
pub(super) struct Hub {
    routes: Mutex<Routes>,
    pub(super) buckets: Buckets,
    pub(super) shelf: Shelf,
}

#[derive(Debug, Default)]
struct Routes {
    next_id: u64,
    /// Subscriptions on exactly one subject, by subject.
    exact: HashMap<String, Vec<Listener>>,
    /// Subscriptions on patterns with wildcards.
    wild: Vec<Listener>,
    /// Calls that wait for their one answer, by reply subject.
    waiting: HashMap<String, oneshot::Sender<Message>>,
}

#[derive(Debug)]
struct Listener {
    id: u64,
    connection: u64,
    pattern: Pattern,
    queue: Option<String>,
    sender: mpsc::Sender<Message>,
}

/// Names one subscription, so that it can be removed.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListenerId(u64);

impl Hub {
    /// The hub of a name; an empty name is the one of plain `memory://`.
    pub(super) fn named(name: &str) -> Arc<Self> {
        let mut hubs = HUBS.lock().unwrap_or_else(PoisonError::into_inner);
        hubs.retain(|_, hub| hub.strong_count() > 0);
        if let Some(hub) = hubs.get(name).and_then(Weak::upgrade) {
            return hub;
        }
        let hub = Arc::new(Self::default());
        hubs.insert(name.to_owned(), Arc::downgrade(&hub));
        hub
    }

    fn routes(&self) -> MutexGuard<'_, Routes> {
        // Nothing in here can panic half-way: what a poisoned lock guards is whole.
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn new_id(&self) -> u64 {
        let mut routes = self.routes();
        routes.next_id += 1;
        routes.next_id
    }

    pub(super) fn listen(
        &self,
        connection: u64,
        pattern: Pattern,
        queue: Option<String>,
    ) -> (ListenerId, mpsc::Receiver<Message>) {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        let id = self.new_id();
        let text = pattern.as_str().to_owned();
        let listener = Listener {
            id,
            connection,
            pattern,
            queue,
            sender,
        };
        let mut routes = self.routes();
        if text.contains(['*', '>']) {
            routes.wild.push(listener);
        } else {
            routes.exact.entry(text).or_default().push(listener);
        }
        (ListenerId(id), receiver)
    }

    pub(super) fn remove(&self, id: ListenerId) {
        self.retain(|listener| listener.id != id.0);
    }

    pub(super) fn remove_connection(&self, connection: u64) {
        self.retain(|listener| listener.connection != connection);
    }

    fn retain(&self, keep: impl Fn(&Listener) -> bool) {
        let mut routes = self.routes();
        routes.wild.retain(&keep);
        routes.exact.retain(|_, listeners| {
            listeners.retain(&keep);
            !listeners.is_empty()
        });
    }

    pub(super) fn wait(&self, reply: &str) -> oneshot::Receiver<Message> {
        let (sender, receiver) = oneshot::channel();
        self.routes().waiting.insert(reply.to_owned(), sender);
        receiver
    }

    pub(super) fn give_up(&self, reply: &str) {
        self.routes().waiting.remove(reply);
    }

    /// Delivers a message to all that listen, and to the stream that stores it; tells whether there
    /// was anybody.
    pub(super) fn deliver(&self, message: &Message) -> bool {
        let heard = self.hear(message);
        self.shelf.any() && self.store(message) || heard
    }

    /// Offers a message to the streams; the one that stores it answers whoever wants an answer.
    #[cold]
    fn store(&self, message: &Message) -> bool {
        let Some(answer) = self.shelf.offer(message) else {
            return false;
        };
        if let Some(reply) = &message.reply {
            self.deliver(&Message {
                subject: reply.clone(),
                reply: None,
                headers: Headers::new(),
                payload: answer.into(),
            });
        }
        true
    }

    /// Delivers a message to every plain listener and to one of each queue group; tells whether
    /// anybody listened.
    pub(super) fn hear(&self, message: &Message) -> bool {
        let subject = message.subject.as_str();
        let mut routes = self.routes();
        if let Some(caller) = routes.waiting.remove(subject) {
            let _ = caller.send(message.clone());
            return true;
        }
        let exact = routes.exact.get(subject).into_iter().flatten();
        let wild = routes
            .wild
            .iter()
            .filter(|listener| listener.pattern.matches(subject));
        let mut found = false;
        let mut groups: Vec<(&str, Vec<&Listener>)> = Vec::new();
        for listener in exact.chain(wild) {
            found = true;
            match &listener.queue {
                None => listener.offer(message),
                Some(queue) => match groups.iter_mut().find(|(name, _)| name == queue) {
                    Some((_, members)) => members.push(listener),
                    None => groups.push((queue, vec![listener])),
                },
            }
        }
        for (_, members) in groups {
            // The one with the least waiting; among equals a random one, as NATS chooses.
            let start = random_below(members.len());
            let turned = members.iter().cycle().skip(start).take(members.len());
            if let Some(member) = turned.max_by_key(|listener| listener.sender.capacity()) {
                member.offer(message);
            }
        }
        found
    }
}

impl Listener {
    fn offer(&self, message: &Message) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.sender.try_send(message.clone()) {
            tracing::warn!(subject = %message.subject, "a slow listener loses a message");
            metrics::counter!(crate::observe::SLOW_CONSUMERS).increment(1);
        }
    }
}

fn random_below(bound: usize) -> usize {
    usize::try_from(crate::observe::random() >> 40).unwrap_or(0) % bound.max(1)
}
