//! Events: types of them, choices of several, and handlers. It is compiled, and nothing of it runs
//! here.

use ::serde::{Deserialize, Serialize};
use ::sky::{AnyEvent, Context, Failure, Leadership};
use ::std::result::Result::{self, Ok};
use ::std::string::String;

/// An order was taken.
#[derive(Debug, Serialize, Deserialize, ::sky::Event)]
#[event("orders.created", version = "1.1")]
pub struct OrderCreated {
    /// Which.
    pub id: String,
}

mod inner {
    use ::serde::{Deserialize, Serialize};

    /// An order was changed.
    #[derive(Debug, Serialize, Deserialize, ::sky::Event)]
    #[event("orders.changed")]
    pub enum OrderChanged {
        /// It is no more.
        Cancelled,
        /// It costs something else.
        Priced {
            /// So much.
            event: i64,
        },
    }
}

/// Either of them.
#[derive(Debug, ::sky::Events)]
pub enum OrderEvent {
    /// The one.
    Created(OrderCreated),
    /// The other.
    Changed(inner::OrderChanged),
}

/// Anything, and orders apart.
#[derive(Debug, ::sky::Events)]
pub enum Anything {
    /// An order.
    Created(OrderCreated),
    /// What else there is.
    #[events(other)]
    Other(AnyEvent),
}

macro_rules! happened {
    ($ty:ident, $name:literal, $version:literal) => {
        /// Something happened.
        #[derive(Debug, Serialize, Deserialize, ::sky::Event)]
        #[event($name, version = $version)]
        #[allow(clippy::exhaustive_structs, reason = "on purpose")]
        pub struct $ty;
    };
}

happened!(Happened, "things.happened", "2");

/// Sends bills.
#[derive(Debug)]
pub struct Billing;

/// What hinders a bill.
#[derive(Debug, Serialize, Deserialize, ::sky::Failure)]
pub enum Hindered {
    /// Nobody to send it to.
    NoAddress,
}

impl ::core::fmt::Display for Hindered {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.write_str("no address")
    }
}

#[::sky::service(name = "billing", version = "1.0.0", failover = "aggressive")]
impl Billing {
    /// Bills an order.
    #[subscribe(
        mode = "compete",
        retries = 5,
        backoff = "1s",
        ack_wait = "30s",
        concurrency = 64
    )]
    async fn bill(&self, ctx: &Context, event: OrderCreated) -> Result<(), Failure> {
        let _ = (ctx, event.id);
        Ok(())
    }

    #[::sky::subscribe("orders.*", mode = "broadcast", start = "all", durable, exactly)]
    async fn r#match(
        &self,
        OrderCreated { id }: OrderCreated,
        delivered: &Context,
    ) -> Result<(), Hindered> {
        let _ = (id, delivered);
        Ok(())
    }

    #[subscribe(
        "orders.>",
        mode = "exclusive",
        name = "ledger",
        backoff(first = "10ms", max = "1s")
    )]
    async fn book(
        &self,
        leader: &Leadership,
        service: OrderEvent,
        _: &Context,
    ) -> Result<(), ::std::num::ParseIntError> {
        let _ = (leader, service);
        Ok(())
    }

    /// Old.
    #[subscribe(">", mode = "compete")]
    #[deprecated]
    async fn all(&self, _: Anything) -> Result<(), Failure> {
        Ok(())
    }

    #[subscribe(mode = "broadcast")]
    async fn both(&self, event: OrderEvent) -> ::core::result::Result<(), Failure> {
        let _ = event;
        Ok(())
    }

    #[cfg(any())]
    #[subscribe(mode = "compete")]
    async fn never(&self, event: Missing) -> Result<(), Failure> {
        Ok(())
    }
}

macro_rules! subscribed {
    ($name:literal, $ty:ty, $pattern:literal, $event:ty, $mode:literal) => {
        #[::sky::service(name = $name, version = "1.0.0")]
        impl $ty {
            #[subscribe($pattern, mode = $mode)]
            async fn event(&self, event: $event) -> ::core::result::Result<(), ::sky::Failure> {
                let _ = event;
                Ok(())
            }
        }
    };
}

/// Listens.
#[derive(Debug)]
pub struct Ear;

subscribed!("ear", Ear, "things.*", Happened, "compete");

const _: () = {
    ::core::assert!(<Billing as ::sky::Service>::HANDLERS == 5);
    ::core::assert!(<Billing as ::sky::Service>::GROUP.is_some());
    ::core::assert!(<Ear as ::sky::Service>::GROUP.is_none());
    ::core::assert!(<OrderEvent as ::sky::FromEvent>::NAMES.len() == 2);
    ::core::assert!(<Anything as ::sky::FromEvent>::NAMES.is_empty());
};
