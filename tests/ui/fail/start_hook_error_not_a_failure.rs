use aegis::prelude::*;

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[on_start]
    async fn warm_up(&self) -> Result<(), String> {
        Err("cold".to_owned())
    }
}

fn main() {}
