use aegis::prelude::*;

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[rpc]
    async fn read(&self, file: String) -> Result<String> {
        Ok(file)
    }
}

fn main() {}
