use aegis::prelude::*;

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[rpc]
    async fn add(&self, (a, b): (i64, i64)) -> Result<i64, Failure> {
        Ok(a + b)
    }

    #[rpc]
    async fn ignore(&self, _: i64) -> Result<i64, Failure> {
        Ok(0)
    }
}

fn main() {}
