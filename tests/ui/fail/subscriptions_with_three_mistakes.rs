use aegis::prelude::*;

struct Billing;

#[aegis::service(name = "billing", version = "1.0.0")]
impl Billing {
    #[subscribe(mode = "competes")]
    async fn bill(&self, _event: AnyEvent) -> Result<(), Failure> {
        Ok(())
    }

    #[subscribe("orders", mode = "compete")]
    fn book(&self, _event: AnyEvent) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
