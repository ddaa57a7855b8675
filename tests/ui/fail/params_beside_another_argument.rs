use aegis::prelude::*;

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[rpc]
    async fn scale(&self, order: Params<Vec<i64>>, factor: i64) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
