use aegis::prelude::*;

struct Calculator;

#[aegis::service(name = "my calculator", version = "1.0.0")]
impl Calculator {
    #[rpc(timeout = "soon")]
    async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
        Ok(a + b)
    }

    #[rpc]
    fn subtract(&self, a: i64, b: i64) -> Result<i64, Failure> {
        Ok(a - b)
    }
}

fn main() {}
