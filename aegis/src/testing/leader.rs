//! A leadership without an election, for tests of code that takes one.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::lease::{Clock, Leadership, Lease};
use crate::model::{InstanceId, ServiceName};

/// A leadership that nobody was elected to, for tests of code that takes a `&Leadership`: it is
/// valid until [`end`](TestLeadership::end).
///
/// Nothing keeps two of them apart but their epochs: a test decides who is the newer leader.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> aegis::Result<()> {
/// use aegis::{Bucket, Client, Config, ErrorKind};
///
/// let client = Client::connect(Config::default().url("memory://leadership-example")).await?;
/// let books: Bucket<u64> = client.bucket("books").open().await?;
/// let old = aegis::testing::leadership("ledger", "main", 7)?;
/// let new = aegis::testing::leadership("ledger", "main", 8)?;
///
/// books.put("total", &1).fenced(&old).await?;
/// books.put("total", &2).fenced(&new).await?;
/// let late = books.put("total", &3).fenced(&old).await.unwrap_err();
/// assert_eq!(late.kind(), ErrorKind::NotActive);
/// assert_eq!(books.get("total").await?, Some(2));
/// # Ok(())
/// # }
/// ```
///
/// Errors: `Invalid` for a name of a service that cannot be.
pub fn leadership(service: &str, group: &str, epoch: u64) -> Result<TestLeadership> {
    let lease = Arc::new(Lease::new(Clock::runtime(), epoch, Duration::MAX));
    let service = ServiceName::parse(service)?;
    let instance = InstanceId::parse(&format!("{service}-test"))?;
    let group = group.to_owned();
    Ok(TestLeadership(Leadership::new(
        lease, service, group, instance,
    )))
}

/// A [`Leadership`] made by [`leadership`]; it lends itself as one.
pub struct TestLeadership(Leadership);

impl TestLeadership {
    /// Ends it, as a lease that could not be renewed.
    pub fn end(&self) {
        self.0.lease().end();
    }
}

impl Deref for TestLeadership {
    type Target = Leadership;

    fn deref(&self) -> &Leadership {
        &self.0
    }
}

impl fmt::Debug for TestLeadership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
