use aegis::prelude::*;

#[aegis::client(service = "pricing.eu")]
trait Pricing {
    async fn quote(&self, sku: String) -> Result<i64, Failure>;
}

fn main() {}
