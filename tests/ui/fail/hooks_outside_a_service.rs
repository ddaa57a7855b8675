use aegis::prelude::*;

struct Calculator;

impl Calculator {
    #[on_start]
    async fn warm_up(&self) -> Result<(), Failure> {
        Ok(())
    }

    #[on_stop]
    async fn flush(&self) {}
}

fn main() {}
