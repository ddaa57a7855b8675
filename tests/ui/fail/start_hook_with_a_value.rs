use aegis::prelude::*;

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[on_start]
    async fn warm_up(&self) -> Result<u8, Failure> {
        Ok(1)
    }
}

fn main() {}
