//! A program that takes nothing for granted.
#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    unused,
    clippy::pedantic,
    clippy::all
)]

pub mod commands;
pub mod events;
pub mod extra;
pub mod ledger;

/// Everything is in a module that a user would write.
pub mod shop {
    use ::serde::{Deserialize, Serialize};
    use ::sky::{Context, Failure, Params};
    use ::std::result::Result::{self, Err, Ok};
    use ::std::string::String;

    /// Adds.
    #[derive(Debug)]
    pub struct Calculator {
        start: i64,
    }

    impl Calculator {
        /// Makes one.
        #[must_use]
        pub fn at(start: i64) -> Self {
            Self { start }
        }
    }

    #[derive(Debug, Serialize, Deserialize, Clone)]
    struct Order {
        id: String,
    }

    /// What can go wrong.
    #[derive(Debug, Serialize, Deserialize, ::sky::Failure)]
    pub enum OrderError {
        /// Not there.
        NotFound(String),
        /// Sold.
        #[failure(code = "SOLD", retryable, status = 410)]
        OutOfStock {
            /// Which.
            sku: String,
        },
        /// Unit.
        Gone,
    }

    impl ::core::fmt::Display for OrderError {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            ::core::fmt::Debug::fmt(self, f)
        }
    }

    /// A struct failure.
    #[derive(Debug, Serialize, Deserialize, ::sky::Failure)]
    pub struct TooOld;

    impl ::core::fmt::Display for TooOld {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.write_str("too old")
        }
    }

    /// The calculator.
    ///
    /// It adds.
    #[::sky::service(
        name = "calculator",
        version = "1.0.0",
        metadata(team = "core", tier = "1")
    )]
    impl Calculator {
        /// Adds two numbers, see [`Self::helper`].
        #[rpc(timeout = "2s", idempotent, concurrency = 8, queue = 16, name = "sum")]
        async fn add(&self, _ctx: &Context, a: i64, b: i64) -> Result<i64, Failure> {
            Ok(self.start + a + b)
        }

        #[rpc]
        async fn order(&self, order: Params<Order>) -> Result<String, OrderError> {
            Err(OrderError::NotFound(order.0.id))
        }

        #[rpc]
        async fn request(
            &self,
            request: String,
            service: String,
            mut arguments: String,
        ) -> Result<String, TooOld> {
            arguments.push_str(&request);
            Ok(service + &arguments)
        }

        /// Old.
        #[rpc]
        #[deprecated]
        async fn r#type(&self, r#fn: String) -> Result<String, Failure> {
            Ok(r#fn)
        }

        #[rpc]
        async fn ping(&self) -> Result<(), Failure> {
            Ok(())
        }

        #[cfg(any())]
        #[rpc]
        async fn missing(&self, x: DoesNotExist) -> Result<(), Failure> {
            Ok(())
        }

        #[cfg(unix)]
        #[rpc(name = "system")]
        async fn unix(&self) -> Result<Option, Failure> {
            Ok(::std::option::Option::None)
        }

        #[cfg(not(unix))]
        #[rpc(name = "system")]
        async fn other(&self) -> Result<Option, Failure> {
            Ok(::std::option::Option::None)
        }

        #[on_start]
        async fn on_start(&self, _ctx: &Context) -> Result<(), Failure> {
            Ok(())
        }

        #[on_stop]
        async fn flush(&self) {}

        /// Help.
        #[must_use]
        pub fn helper(&self) -> i64 {
            self.start
        }
    }

    type Option = ::std::option::Option<i64>;

    /// Prices, privately.
    #[::sky::client(service = "pricing", envelope)]
    trait Pricing {
        /// Quotes.
        async fn quote(&self, sku: String) -> Result<i64, Failure>;
        #[rpc(name = "other", timeout = "1s", idempotent)]
        async fn r#struct(&self, a: i64, b: bool) -> Result<i64, Failure>;
    }

    /// Uses both clients.
    ///
    /// # Panics
    /// If a call does not end as it should.
    pub async fn both(client: &::sky::Client) {
        let pricing = PricingClient::new(client);
        ::std::assert!(pricing.quote(String::new()).await.is_err());
        let calculator: CalculatorClient = ::core::convert::From::from(client);
        ::std::assert!(::std::matches!(calculator.add(1, 2).await, Ok(4)));
        let order = Params(Order { id: String::new() });
        ::std::assert!(calculator.order(order).await.is_err());
    }
}

#[::sky::main]
async fn main(app: ::sky::App) -> ::sky::Result<()> {
    let running = app.service(shop::Calculator::at(1)).start().await?;
    shop::both(running.client()).await;
    running.stop().await
}
