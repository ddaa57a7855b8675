use aegis::prelude::*;

struct Order;

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[rpc]
    async fn place(&self, id: String, order: Order) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
