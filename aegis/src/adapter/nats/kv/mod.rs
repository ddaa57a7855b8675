//! Buckets on a NATS server.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt, ready};
use tokio::time::Instant;

use super::bus::NatsBus;
use crate::error::{Error, ErrorKind, Result};
use crate::model::BucketSpec;
use crate::port::{KvBucket, KvFeatures, KvStore};

/// The buckets that one connection leads to.
#[derive(Debug)]
pub(crate) struct NatsStore {
    _bus: Arc<NatsBus>,
}

impl NatsStore {
    pub(crate) fn new(bus: Arc<NatsBus>) -> Self {
        Self { _bus: bus }
    }
}

fn not_yet<T: Send + 'static>() -> BoxFuture<'static, Result<T>> {
    ready(Err(Error::new(ErrorKind::Config, "not built yet"))).boxed()
}

impl KvStore for NatsStore {
    fn open(&self, _: BucketSpec, _: Instant) -> BoxFuture<'_, Result<Arc<dyn KvBucket>>> {
        not_yet()
    }

    fn find<'a>(
        &'a self,
        _: &'a str,
        _: Instant,
    ) -> BoxFuture<'a, Result<Option<Arc<dyn KvBucket>>>> {
        not_yet()
    }

    fn buckets(&self, _: Instant) -> BoxFuture<'_, Result<Vec<String>>> {
        not_yet()
    }

    fn remove<'a>(&'a self, _: &'a str, _: Instant) -> BoxFuture<'a, Result<bool>> {
        not_yet()
    }

    fn features(&self) -> KvFeatures {
        KvFeatures::default()
    }
}
