use aegis::prelude::*;

struct Calculator;

#[aegis::service(
    name = "calculator",
    versoin = "1.0.0",
    version = "1.0.0",
    region = "eu"
)]
impl Calculator {
    #[rpc]
    async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
        Ok(a + b)
    }
}

fn main() {}
