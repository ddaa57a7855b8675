use aegis::prelude::*;

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[command]
    async fn import(&self, url: String) -> Result<String, Failure> {
        Ok(url)
    }
}

fn main() {}
