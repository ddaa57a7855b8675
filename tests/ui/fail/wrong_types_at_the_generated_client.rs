use aegis::prelude::*;

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[rpc]
    async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
        Ok(a + b)
    }
}

fn call(client: &CalculatorClient) {
    let _ = client.add("1", 2);
    let _ = client.add(1);
    let _ = client.subtract(1, 2);
}

fn main() {}
