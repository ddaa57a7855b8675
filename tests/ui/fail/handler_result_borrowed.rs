use aegis::prelude::*;

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[rpc]
    async fn name(&self) -> Result<&str, Failure> {
        Ok("calculator")
    }
}

fn main() {}
