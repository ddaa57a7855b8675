use aegis::prelude::*;

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[rpc]
    async fn length(&self, text: &String) -> Result<usize, Failure> {
        Ok(text.len())
    }
}

fn main() {}
