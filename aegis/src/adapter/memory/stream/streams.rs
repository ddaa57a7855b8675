//! The port `Streams` on an in-memory hub.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt, ready};
use tokio::sync::watch;
use tokio::time::Instant;

use super::super::bus::check_size;
use super::super::hub::Hub;
use super::one::One;
use super::pull::MemoryConsumer;
use super::shelf::Shelf;
use super::{failure, word};
use crate::error::Result;
use crate::model::{
    ConsumerSpec, ConsumerStatus, Pattern, Stored, StoredMessage, StreamMessage, StreamSpec,
    StreamStatus, Subject,
};
use crate::port::{ConnectionState, Consumer, Message, StreamFeatures, Streams, Wanted};

/// The streams of a hub, as one connection sees them.
#[derive(Debug, Clone)]
pub(crate) struct MemoryStreams {
    hub: Arc<Hub>,
    pub(super) state: watch::Receiver<ConnectionState>,
}

impl MemoryStreams {
    pub(in super::super) fn new(hub: Arc<Hub>, state: watch::Receiver<ConnectionState>) -> Self {
        Self { hub, state }
    }

    pub(super) fn shelf(&self) -> &Shelf {
        &self.hub.shelf
    }

    pub(super) fn check(&self) -> Result<()> {
        match *self.state.borrow() {
            ConnectionState::Closed => Err(failure::closed()),
            _ => Ok(()),
        }
    }

    /// Does what needs no waiting.
    fn at_once<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shelf) -> Result<T>,
    ) -> BoxFuture<'static, Result<T>> {
        let outcome = self.check().and_then(|()| work(self.shelf()));
        ready(outcome).boxed()
    }

    /// The same with one stream.
    fn with<T: Send + 'static>(
        &self,
        stream: &str,
        look: impl FnOnce(&mut One, Instant) -> Result<T>,
    ) -> BoxFuture<'static, Result<T>> {
        self.at_once(|shelf| {
            StreamSpec::check_name(stream)?;
            shelf.with(stream, look)
        })
    }

    fn store_now(&self, message: &StreamMessage) -> Result<Stored> {
        message.check()?;
        let sent = Message {
            subject: message.subject.clone(),
            reply: None,
            headers: word::headers(message),
            payload: message.payload.clone(),
        };
        check_size(&sent.headers, &sent.payload)?;
        self.hub.hear(&sent);
        match self.shelf().store(&sent) {
            Some(said) => said.word.map_err(|no| failure::not_stored(message, no)),
            None => Err(failure::nothing_stores(&message.subject)),
        }
    }
}

impl Streams for MemoryStreams {
    fn probe(&self, _: Instant) -> BoxFuture<'_, Result<StreamFeatures>> {
        self.at_once(|_| Ok(self.features()))
    }

    fn ensure(&self, spec: StreamSpec, _: Instant) -> BoxFuture<'_, Result<StreamStatus>> {
        self.at_once(|shelf| {
            spec.check()?;
            shelf.ensure(&spec)
        })
    }

    fn status<'a>(
        &'a self,
        stream: &'a str,
        _: Instant,
    ) -> BoxFuture<'a, Result<Option<StreamStatus>>> {
        self.at_once(|shelf| {
            StreamSpec::check_name(stream)?;
            Ok(shelf.status(stream))
        })
    }

    fn remove<'a>(&'a self, stream: &'a str, _: Instant) -> BoxFuture<'a, Result<bool>> {
        self.at_once(|shelf| {
            StreamSpec::check_name(stream)?;
            Ok(shelf.remove(stream))
        })
    }

    fn store(&self, message: StreamMessage, _: Instant) -> BoxFuture<'_, Result<Stored>> {
        self.at_once(|_| self.store_now(&message))
    }

    fn message<'a>(
        &'a self,
        stream: &'a str,
        sequence: u64,
        _: Instant,
    ) -> BoxFuture<'a, Result<Option<StoredMessage>>> {
        self.with(stream, |one, _| {
            let found = one.log.message(sequence);
            Ok(found.map(|message| StoredMessage::clone(message)))
        })
    }

    fn last<'a>(
        &'a self,
        stream: &'a str,
        subject: &'a Subject,
        _: Instant,
    ) -> BoxFuture<'a, Result<Option<StoredMessage>>> {
        self.with(stream, |one, _| {
            let found = one.log.last_on(subject.as_str());
            Ok(found.map(|message| StoredMessage::clone(message)))
        })
    }

    fn first<'a>(
        &'a self,
        stream: &'a str,
        pattern: &'a Pattern,
        from: u64,
        _: Instant,
    ) -> BoxFuture<'a, Result<Option<StoredMessage>>> {
        self.with(stream, |one, _| {
            let mut rest = one.log.from(from);
            let found = rest.find(|message| pattern.matches(message.subject.as_str()));
            Ok(found.map(|message| StoredMessage::clone(message)))
        })
    }

    fn delete<'a>(
        &'a self,
        stream: &'a str,
        sequence: u64,
        _: Instant,
    ) -> BoxFuture<'a, Result<bool>> {
        self.with(stream, |one, now| Ok(one.delete(sequence, now)))
    }

    fn subjects<'a>(
        &'a self,
        stream: &'a str,
        pattern: &'a Pattern,
        _: Instant,
    ) -> BoxFuture<'a, Result<BTreeMap<String, u64>>> {
        self.with(stream, |one, _| Ok(one.log.subjects(pattern)))
    }

    fn consumer<'a>(
        &'a self,
        stream: &'a str,
        spec: ConsumerSpec,
        _: Instant,
    ) -> BoxFuture<'a, Result<Arc<dyn Consumer>>> {
        let number = self.shelf().number();
        self.with(stream, |one, now| {
            spec.check()?;
            let consumer = MemoryConsumer::new(self.clone(), stream, &spec.name);
            one.consumer(spec, number, now)?;
            let consumer: Arc<dyn Consumer> = Arc::new(consumer);
            Ok(consumer)
        })
    }

    fn consumers<'a>(
        &'a self,
        stream: &'a str,
        wanted: Wanted<'a>,
        _: Instant,
    ) -> BoxFuture<'a, Result<Vec<ConsumerStatus>>> {
        self.with(stream, move |one, _| {
            let mut all = one.consumers();
            all.retain(|consumer| wanted(&consumer.name));
            Ok(all)
        })
    }

    fn remove_consumer<'a>(
        &'a self,
        stream: &'a str,
        consumer: &'a str,
        _: Instant,
    ) -> BoxFuture<'a, Result<bool>> {
        self.with(stream, |one, _| {
            ConsumerSpec::check_name(consumer)?;
            Ok(one.remove_consumer(consumer))
        })
    }

    fn features(&self) -> StreamFeatures {
        StreamFeatures {
            fenced_writes: true,
            ..StreamFeatures::default()
        }
    }
}
