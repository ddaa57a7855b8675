//! What user code sees of a leadership.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::fences::Fences;
use super::held::Lease;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{InstanceId, ServiceName};

/// One leadership of this instance: `&Leadership` is lent to `#[exclusive_rpc]` handlers and to
/// `#[on_leader]`.
///
/// It ends when the instance stops, stands aside, or cannot renew its lease in time; a later one
/// of the same instance is another one, with a greater epoch. Cheap to clone.
///
/// ```
/// use aegis::prelude::*;
///
/// struct Ledger;
///
/// #[aegis::service(name = "ledger", version = "1.0.0", group = "main", failover = "aggressive")]
/// impl Ledger {
///     #[exclusive_rpc]
///     async fn post(&self, leader: &Leadership, amount: i64) -> Result<u64, Failure> {
///         // Hand the epoch to whatever is written: a store that refuses smaller ones than it has
///         // seen is safe from a leader that was asleep. In a bucket: `.put(..).fenced(leader)`.
///         let epoch = leader.epoch();
///         let _ = amount;
///         leader.ensure()?;
///         Ok(epoch)
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Leadership {
    inner: Arc<Inner>,
}

struct Inner {
    lease: Arc<Lease>,
    service: ServiceName,
    group: String,
    instance: InstanceId,
    fences: Fences,
}

impl fmt::Debug for Leadership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leadership")
            .field("service", &self.service())
            .field("group", &self.group())
            .field("epoch", &self.epoch())
            .field("left", &self.left())
            .finish_non_exhaustive()
    }
}

impl Leadership {
    pub(crate) fn new(
        lease: Arc<Lease>,
        service: ServiceName,
        group: String,
        instance: InstanceId,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                lease,
                service,
                group,
                instance,
                fences: Fences::default(),
            }),
        }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn lease(&self) -> &Arc<Lease> {
        &self.inner.lease
    }

    pub(crate) fn fences(&self) -> &Fences {
        &self.inner.fences
    }

    /// Whether nobody else can have begun to lead yet, although this leadership may be over.
    pub(crate) fn keeps_others_out(&self) -> bool {
        self.inner.lease.keeps_others_out()
    }

    /// The fencing token: greater than that of every leadership of this group before, on whatever
    /// instance, also if the bucket with the leases was lost in between. Whoever keeps the greatest
    /// one that it has seen, and refuses smaller ones, cannot be harmed by a leader of the past.
    ///
    /// A bucket does so by itself: `bucket.put(..).fenced(leader)` (see
    /// [`KvPut::fenced`](crate::KvPut::fenced)). A table can: `UPDATE .. WHERE epoch <= $epoch`.
    pub fn epoch(&self) -> u64 {
        self.inner.lease.epoch()
    }

    /// The service that is led.
    pub fn service(&self) -> &str {
        self.inner.service.as_str()
    }

    /// The group that is led: instances of one service and one group have one leader.
    pub fn group(&self) -> &str {
        &self.inner.group
    }

    /// The instance that leads: this one.
    pub fn instance(&self) -> &str {
        self.inner.instance.as_str()
    }

    /// Whether the lease is valid at this moment, by the host's clock, which also counts the time
    /// that the process or the host stood still.
    pub fn is_valid(&self) -> bool {
        self.inner.lease.is_valid()
    }

    /// How long the lease is valid if it is not renewed; zero if it is over.
    pub fn left(&self) -> Duration {
        self.inner.lease.left()
    }

    /// Asks again, in a long handler, before something that only a leader may do.
    ///
    /// Errors: `NotActive` if the leadership is over. A step that must not happen twice is still to
    /// be fenced: the process may stand still between this answer and that step.
    pub fn ensure(&self) -> Result<()> {
        if self.is_valid() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::NotActive,
            format!(
                "the leadership of {} {} as epoch {} is over: stop, another instance may lead now",
                self.service(),
                self.group(),
                self.epoch()
            ),
        ))
    }

    /// Waits until the leadership is over.
    pub async fn lost(&self) {
        self.inner.lease.ended().await;
    }
}
