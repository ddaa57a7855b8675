use aegis::prelude::*;

struct Billing;

impl Billing {
    #[subscribe("orders.*", mode = "compete")]
    async fn bill(&self, _event: AnyEvent) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
