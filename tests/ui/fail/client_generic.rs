use aegis::prelude::*;

#[aegis::client(service = "pricing")]
trait Pricing<T> {
    async fn quote(&self, sku: String) -> Result<i64, Failure>;
}

fn main() {}
