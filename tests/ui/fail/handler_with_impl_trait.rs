use aegis::prelude::*;

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[rpc]
    async fn show(&self, item: impl ToString) -> Result<String, Failure> {
        Ok(item.to_string())
    }

    #[rpc]
    async fn shown(&self) -> Result<impl ToString, Failure> {
        Ok(1)
    }
}

fn main() {}
