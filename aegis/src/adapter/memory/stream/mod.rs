//! STAND-IN, replaced before anything lands.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt, ready};
use tokio::time::Instant;

use super::hub::Hub;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    ConsumerSpec, ConsumerStatus, Pattern, Stored, StoredMessage, StreamMessage, StreamSpec,
    StreamStatus, Subject,
};
use crate::port::{ConnectionState, Consumer, StreamFeatures, Streams};
use tokio::sync::watch;

/// The streams that one connection leads to.
#[derive(Debug)]
pub(crate) struct MemoryStreams;

impl MemoryStreams {
    pub(super) fn new(_: Arc<Hub>, _: watch::Receiver<ConnectionState>) -> Self {
        Self
    }
}

fn no<T: Send + 'static>() -> BoxFuture<'static, Result<T>> {
    ready(Err(Error::new(ErrorKind::Internal, "no streams yet"))).boxed()
}

impl Streams for MemoryStreams {
    fn probe(&self, _: Instant) -> BoxFuture<'_, Result<StreamFeatures>> {
        no()
    }
    fn ensure(&self, _: StreamSpec, _: Instant) -> BoxFuture<'_, Result<StreamStatus>> {
        no()
    }
    fn status<'a>(&'a self, _: &'a str, _: Instant) -> BoxFuture<'a, Result<Option<StreamStatus>>> {
        no()
    }
    fn remove<'a>(&'a self, _: &'a str, _: Instant) -> BoxFuture<'a, Result<bool>> {
        no()
    }
    fn store(&self, _: StreamMessage, _: Instant) -> BoxFuture<'_, Result<Stored>> {
        no()
    }
    fn message<'a>(
        &'a self,
        _: &'a str,
        _: u64,
        _: Instant,
    ) -> BoxFuture<'a, Result<Option<StoredMessage>>> {
        no()
    }
    fn last<'a>(
        &'a self,
        _: &'a str,
        _: &'a Subject,
        _: Instant,
    ) -> BoxFuture<'a, Result<Option<StoredMessage>>> {
        no()
    }
    fn delete<'a>(&'a self, _: &'a str, _: u64, _: Instant) -> BoxFuture<'a, Result<bool>> {
        no()
    }
    fn subjects<'a>(
        &'a self,
        _: &'a str,
        _: &'a Pattern,
        _: Instant,
    ) -> BoxFuture<'a, Result<BTreeMap<String, u64>>> {
        no()
    }
    fn consumer<'a>(
        &'a self,
        _: &'a str,
        _: ConsumerSpec,
        _: Instant,
    ) -> BoxFuture<'a, Result<Arc<dyn Consumer>>> {
        no()
    }
    fn consumers<'a>(
        &'a self,
        _: &'a str,
        _: Instant,
    ) -> BoxFuture<'a, Result<Vec<ConsumerStatus>>> {
        no()
    }
    fn remove_consumer<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: Instant,
    ) -> BoxFuture<'a, Result<bool>> {
        no()
    }
    fn features(&self) -> StreamFeatures {
        StreamFeatures::default()
    }
}
