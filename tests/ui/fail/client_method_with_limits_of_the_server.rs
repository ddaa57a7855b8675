use aegis::prelude::*;

#[aegis::client(service = "pricing")]
trait Pricing {
    #[rpc(concurrency = 8, queue = 16)]
    async fn quote(&self, sku: String) -> Result<i64, Failure>;
}

fn main() {}
