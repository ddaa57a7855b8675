use aegis::prelude::*;

#[aegis::client()]
trait Pricing {
    async fn quote(&self, sku: String) -> Result<i64, Failure>;
}

fn main() {}
