use aegis::prelude::*;

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[rpc]
    async fn new(&self, id: String) -> Result<String, Failure> {
        Ok(id)
    }
}

fn main() {}
