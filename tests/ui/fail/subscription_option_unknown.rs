use aegis::prelude::*;

struct Billing;

#[aegis::service(name = "billing", version = "1.0.0")]
impl Billing {
    #[subscribe("orders.*", mode = "compete", retrys = 3, deadline = "2s")]
    async fn bill(&self, _event: AnyEvent) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
