use aegis::prelude::*;

struct Calculator {
    last: std::cell::Cell<i64>,
}

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[rpc]
    async fn last(&self) -> Result<i64, Failure> {
        Ok(self.last.get())
    }
}

fn main() {}
