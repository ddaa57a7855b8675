use aegis::prelude::*;

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[rpc]
    async fn first<T: Clone>(&self, items: Vec<T>) -> Result<i64, Failure> {
        Ok(0)
    }

    #[rpc]
    async fn second<const N: usize>(&self) -> Result<i64, Failure> {
        Ok(0)
    }

    #[rpc]
    async fn third<'a>(&self, ctx: &'a Context) -> Result<i64, Failure> {
        Ok(0)
    }
}

fn main() {}
