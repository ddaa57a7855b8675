use aegis::prelude::*;

#[aegis::client(service = "pricing")]
trait Pricing {
    type Price;

    async fn quote(&self, sku: String) -> Result<Self::Price, Failure>;
}

fn main() {}
