use aegis::prelude::*;

#[aegis::client(service = "pricing")]
trait Pricing {
    #[on_start]
    async fn quote(&self, sku: String) -> Result<i64, Failure>;
}

fn main() {}
