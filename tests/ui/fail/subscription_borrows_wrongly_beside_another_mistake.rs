use aegis::prelude::*;

struct Billing;

#[aegis::service(name = "billing", version = "1.0.0")]
impl Billing {
    #[subscribe("orders", mode = "compete")]
    async fn bill(&self, _leader: &Leadership, _event: AnyEvent) -> Result<(), Failure> {
        Ok(())
    }

    #[subscribe("returns.*", mode = "exclusive")]
    async fn pay_back(
        &self,
        _leader: &Leadership,
        _other: &Client,
        _event: AnyEvent,
    ) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
