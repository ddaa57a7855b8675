use aegis::prelude::*;

struct Calculator;

trait Add {
    async fn add(&self, a: i64, b: i64) -> Result<i64, Failure>;
}

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Add for Calculator {
    #[rpc]
    async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
        Ok(a + b)
    }
}

fn main() {}
