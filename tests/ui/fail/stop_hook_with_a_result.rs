use aegis::prelude::*;

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[on_stop]
    async fn flush(&self) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
