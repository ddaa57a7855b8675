use aegis::prelude::*;

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[rpc]
    async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
        let sum = std::rc::Rc::new(a + b);
        std::future::ready(()).await;
        Ok(*sum)
    }
}

fn main() {}
