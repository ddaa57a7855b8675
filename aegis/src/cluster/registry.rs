//! The bucket with the records of all instances.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::{ErrorKind, Result};
use crate::model::{
    BucketSpec, Instance, InstanceId, KvEntry, KvFilter, KvKey, Layout, ServiceName,
};
use crate::port::{ConnectionState, KvBucket, KvScan, KvStore};

/// Its name, as in `AegisSDK` 1.0.
pub(crate) const BUCKET: &str = "service_registry";
/// What its keys start with.
const ROOT: &str = "service-instances.";
/// How long a record lives where records cannot have a time of their own, as in `AegisSDK` 1.0.
const SHARED_TTL: Duration = Duration::from_secs(30);
/// How long one lives where they can, if its writer gave it none.
const LONGEST_LIFE: Duration = Duration::from_secs(3600);

/// Where the records are.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    store: Arc<dyn KvStore>,
    connection: watch::Receiver<ConnectionState>,
    bucket: String,
    /// On how many servers it is kept if it is made now.
    replicas: Option<u8>,
}

impl Registry {
    pub(crate) fn new(
        store: Arc<dyn KvStore>,
        connection: watch::Receiver<ConnectionState>,
        layout: &Layout,
        replicas: Option<u8>,
    ) -> Self {
        Self {
            store,
            connection,
            bucket: layout.bucket(BUCKET),
            replicas,
        }
    }

    /// The state of the connection to it.
    pub(super) fn connection(&self) -> watch::Receiver<ConnectionState> {
        self.connection.clone()
    }

    /// The bucket, which is made if it is missing. `ttl` is what its maker needs at least, should
    /// records have no time of their own.
    pub(super) async fn open(&self, ttl: Duration, deadline: Instant) -> Result<Arc<dyn KvBucket>> {
        if let Some(bucket) = self.store.find(&self.bucket, deadline).await? {
            return Ok(bucket);
        }
        let mut spec = BucketSpec::new(self.bucket.clone());
        spec.description = Some("The instances of services, by Aegis".to_owned());
        let key_ttl = self.store.features().key_ttl;
        let life = if key_ttl { LONGEST_LIFE } else { SHARED_TTL };
        spec.ttl = Some(ttl.max(life));
        spec.replicas_if_new = self.replicas;
        match self.store.open(spec.clone(), deadline).await {
            // Somebody else has just made it, in another way.
            Err(error) if error.kind() == ErrorKind::Config => {
                let found = self.store.find(&self.bucket, deadline).await?;
                found.ok_or(error)
            }
            opened => opened,
        }
    }

    /// The records of one service, or of all; without any record ever written there are none.
    pub(super) async fn read(
        &self,
        service: Option<&ServiceName>,
        deadline: Instant,
    ) -> Result<Vec<Instance>> {
        let Some(bucket) = self.store.find(&self.bucket, deadline).await? else {
            return Ok(Vec::new());
        };
        let entries = bucket.scan(filter(service), KvScan::Latest, deadline);
        let mut records: Vec<Instance> = entries.await?.iter().filter_map(record).collect();
        records.sort_by(|a, b| (&a.service, &a.id).cmp(&(&b.service, &b.id)));
        Ok(records)
    }
}

/// Whose records are meant.
pub(super) fn filter(service: Option<&ServiceName>) -> KvFilter {
    KvFilter::Prefix(match service {
        Some(service) => format!("{ROOT}{service}."),
        None => ROOT.to_owned(),
    })
}

/// `service-instances.{service}.{instance}`.
pub(super) fn key(service: &ServiceName, instance: &InstanceId) -> Result<KvKey> {
    Ok(KvKey::new(&format!("{ROOT}{service}.{instance}"))?)
}

/// The service and the instance that a key names.
pub(super) fn names(key: &KvKey) -> Option<(&str, &str)> {
    let names = key.text().strip_prefix(ROOT)?.split_once('.')?;
    (!names.1.is_empty()).then_some(names)
}

/// The record in an entry. What is no record, or stands under another's key, is nobody.
pub(super) fn record(entry: &KvEntry) -> Option<Instance> {
    if !entry.is_value() {
        return None;
    }
    let named = names(&entry.key)?;
    let read = serde_json::from_slice::<Instance>(&entry.value);
    match read {
        Ok(record) if named == (record.service.as_str(), record.id.as_str()) => Some(record),
        Ok(_) => {
            tracing::debug!(
                key = entry.key.text(),
                "a record under another's key is ignored"
            );
            None
        }
        Err(error) => {
            tracing::debug!(key = entry.key.text(), %error, "what is no record is ignored");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_sdk() {
        let service = ServiceName::parse("order-service").unwrap();
        let instance = InstanceId::parse("order-service-1").unwrap();
        let key = key(&service, &instance).unwrap();
        assert_eq!(
            key.wire(),
            "service-instances.order-service.order-service-1"
        );
        assert_eq!(names(&key), Some(("order-service", "order-service-1")));
        assert!(filter(Some(&service)).matches(&key) && filter(None).matches(&key));
        let order = ServiceName::parse("order").unwrap();
        assert!(!filter(Some(&order)).matches(&key));
        for other in ["service-instances.a", "service-instances.a.", "x.a.b"] {
            assert_eq!(names(&KvKey::new(other).unwrap()), None, "{other}");
        }
    }
}
