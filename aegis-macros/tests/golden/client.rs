/// Prices, from the service in Python.
#[aegis::client(service = "pricing", envelope)]
pub(crate) trait Pricing {
    /// The price of one piece.
    async fn quote(&self, sku: String) -> Result<Quote, PriceError>;

    #[rpc(name = "quoteAll", timeout = "1m 30s", idempotent)]
    async fn quote_all(&self, skus: Vec<String>, currency: Currency) -> Result<Vec<Quote>, Failure>;
}
