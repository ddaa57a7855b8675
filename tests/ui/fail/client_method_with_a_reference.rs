use aegis::prelude::*;

#[aegis::client(service = "pricing")]
trait Pricing {
    async fn quote(&self, ctx: &Context, sku: &str) -> Result<i64, Failure>;
}

fn main() {}
