use aegis::prelude::*;

struct Sum(i64);

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[rpc]
    async fn sum(&self, a: i64, b: i64) -> Result<Sum, Failure> {
        Ok(Sum(a + b))
    }
}

fn main() {}
