use aegis::prelude::*;

struct Calculator<T>(T);

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator<i64> {
    #[rpc]
    async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
        Ok(a + b)
    }
}

fn main() {}
