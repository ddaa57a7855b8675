/// Prices, from the service in Python.
#[allow(async_fn_in_trait, dead_code, reason = "only the generated client is called")]
pub(crate) trait Pricing {
    /// The price of one piece.
    async fn quote(&self, sku: String) -> Result<Quote, PriceError>;
    async fn quote_all(
        &self,
        skus: Vec<String>,
        currency: Currency,
    ) -> Result<Vec<Quote>, Failure>;
}
/// Calls the service `pricing`, as [`Pricing`] says.
#[allow(
    dead_code,
    deprecated,
    private_bounds,
    private_interfaces,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    rustdoc::broken_intra_doc_links,
    rustdoc::private_intra_doc_links,
    reason = "generated from the handlers, whose surroundings the macro cannot see"
)]
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
pub(crate) struct PricingClient {
    stub: ::aegis::__private::Stub,
}
#[allow(
    dead_code,
    deprecated,
    private_bounds,
    private_interfaces,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    rustdoc::broken_intra_doc_links,
    rustdoc::private_intra_doc_links,
    reason = "generated from the handlers, whose surroundings the macro cannot see"
)]
impl PricingClient {
    /// Calls over the connection of `client`.
    pub fn new(client: &::aegis::Client) -> Self {
        const METHODS: &[::aegis::__private::Method] = &[
            ::aegis::__private::Method {
                name: "quote",
                subject: ::aegis::Subject::literal("rpc.pricing.quote"),
                timeout: ::core::option::Option::None,
                idempotent: false,
                exclusive: false,
            },
            ::aegis::__private::Method {
                name: "quoteAll",
                subject: ::aegis::Subject::literal("rpc.pricing.quoteAll"),
                timeout: ::core::option::Option::Some(
                    ::core::time::Duration::from_nanos(90000000000u64),
                ),
                idempotent: true,
                exclusive: false,
            },
        ];
        Self {
            stub: ::aegis::__private::Stub::new(client, "pricing", METHODS)
                .elsewhere()
                .envelope(),
        }
    }
    /// The price of one piece.
    pub fn quote(
        &self,
        sku: String,
    ) -> ::aegis::Call<
        <Result<Quote, PriceError> as ::aegis::__private::Outcome>::Ok,
        <Result<Quote, PriceError> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.call("quote", &["sku"], (sku,))
    }
    /// Calls `quoteAll` of the service `pricing`.
    pub fn quote_all(
        &self,
        skus: Vec<String>,
        currency: Currency,
    ) -> ::aegis::Call<
        <Result<Vec<Quote>, Failure> as ::aegis::__private::Outcome>::Ok,
        <Result<Vec<Quote>, Failure> as ::aegis::__private::Outcome>::Err,
    > {
        self.stub.call("quoteAll", &["skus", "currency"], (skus, currency))
    }
}
impl ::core::convert::From<&::aegis::Client> for PricingClient {
    fn from(client: &::aegis::Client) -> Self {
        Self::new(client)
    }
}
