use aegis::prelude::*;

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[on_stop(after = "2s")]
    async fn flush(&self) {}
}

fn main() {}
