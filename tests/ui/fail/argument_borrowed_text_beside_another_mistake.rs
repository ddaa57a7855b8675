use aegis::prelude::*;

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[rpc]
    async fn length(&self, text: &str) -> Result<usize, Failure> {
        Ok(text.len())
    }

    #[rpc]
    fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
        Ok(a + b)
    }
}

fn main() {}
