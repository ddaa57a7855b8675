use aegis::prelude::*;

struct Billing;

#[aegis::service(name = "billing", version = "1.0.0")]
impl Billing {
    #[rpc]
    async fn bill(&self) -> Result<(), Failure> {
        Ok(())
    }

    #[subscribe("returns.*", mode = "compete", name = "bill")]
    async fn pay_back(&self, _event: AnyEvent) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
