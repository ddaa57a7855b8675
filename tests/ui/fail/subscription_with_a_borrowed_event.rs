use aegis::prelude::*;

#[derive(serde::Serialize, serde::Deserialize, Event)]
#[event("orders.created")]
struct OrderCreated;

struct Billing;

#[aegis::service(name = "billing", version = "1.0.0")]
impl Billing {
    #[subscribe("orders.*", mode = "compete")]
    async fn bill(&self, _event: &OrderCreated) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
