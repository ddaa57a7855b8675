use aegis::prelude::*;

#[aegis::client(service = "pricing")]
trait Pricing {
    async fn quote(&self, sku: String) -> Result<i64, Failure> {
        Ok(1)
    }
}

fn main() {}
