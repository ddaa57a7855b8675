use aegis::prelude::*;

#[aegis::client(service = "pricing")]
trait Pricing {
    async fn quote(&self, sku: String) -> Result<i64, Failure>;

    #[rpc(name = "quote")]
    async fn price(&self, sku: String) -> Result<i64, Failure>;
}

fn main() {}
