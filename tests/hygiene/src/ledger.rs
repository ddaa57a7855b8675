//! Work for a leader. It is compiled, and nothing of it runs here.

use ::serde::{Deserialize, Serialize};
use ::sky::{Context, Failure, Health, Leadership};
use ::std::result::Result::{self, Ok};

/// Keeps the books.
#[derive(Debug)]
pub struct Ledger;

/// What hinders a leader.
#[derive(Debug, Serialize, Deserialize, ::sky::Failure)]
pub enum Hindered {
    /// The book is elsewhere.
    NoBook,
}

impl ::core::fmt::Display for Hindered {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.write_str("no book")
    }
}

#[::sky::service(
    name = "ledger",
    version = "1.0.0",
    group = "hygiene",
    failover(lease = "900ms", margin = "150ms", renew = "180ms")
)]
impl Ledger {
    /// Adds an entry.
    #[exclusive_rpc(timeout = "2s", idempotent, concurrency = 1, queue = 4)]
    async fn post(
        &self,
        leader: &Leadership,
        amount: i64,
        _ctx: &Context,
        context: i64,
    ) -> Result<u64, Failure> {
        leader.ensure()?;
        let _ = amount + context;
        Ok(leader.epoch())
    }

    #[::sky::exclusive_rpc(name = "close")]
    async fn r#final(&self) -> Result<(), Hindered> {
        Ok(())
    }

    #[rpc]
    async fn balance(&self) -> Result<i64, Failure> {
        Ok(0)
    }

    #[on_leader]
    async fn on_leader(&self, _ctx: &Context, _: &Leadership) -> Result<(), Hindered> {
        Ok(())
    }

    #[on_standby]
    async fn on_standby(&self, _ctx: &Context) {}

    #[on_stop]
    async fn flush(&self, _: &Context) {}

    #[health]
    async fn health(&self) -> Health {
        Health::healthy()
    }
}

macro_rules! lead {
    ($name:literal, $preset:literal, $ty:ty, $context:ty, $leader:ty) => {
        #[::sky::service(name = $name, version = "1.0.0", failover = $preset)]
        impl $ty {
            #[on_leader]
            async fn context(
                &self,
                leader: $leader,
                context: $context,
            ) -> ::core::result::Result<(), ::std::num::ParseIntError> {
                let _ = (leader, context);
                Ok(())
            }
        }
    };
}

/// Leads, and nothing else.
#[derive(Debug)]
pub struct Head;

lead!(
    "head",
    "ride-through",
    Head,
    &::sky::Context,
    &'_ ::sky::Leadership
);

/// Has something exclusive on some systems.
#[derive(Debug)]
pub struct Sometimes;

#[::sky::service(name = "sometimes", version = "1.0.0", failover = "conservative")]
impl Sometimes {
    #[cfg(any())]
    #[exclusive_rpc]
    async fn never(&self, leader: &Missing) -> Result<(), Failure> {
        Ok(())
    }

    #[cfg(all(unix, not(unix)))]
    #[on_leader]
    async fn nowhere(&self, leader: &Missing) -> Result<(), Failure> {
        Ok(())
    }
}

// An instance that was built without its exclusive work is not elected.
const _: () = {
    ::core::assert!(<Sometimes as ::sky::Service>::GROUP.is_none());
    ::core::assert!(<Head as ::sky::Service>::GROUP.is_some());
};

/// The same, privately, from elsewhere.
#[::sky::client(service = "ledger")]
trait Books {
    #[exclusive_rpc(timeout = "1s")]
    async fn post(&self, amount: i64, context: i64) -> Result<u64, Failure>;
}

/// Uses both clients.
pub async fn post(client: &::sky::Client) {
    let _ = LedgerClient::new(client).post(1, 2).await;
    let _ = BooksClient::new(client).post(1, 2).await;
}
