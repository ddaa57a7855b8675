use aegis::prelude::*;

#[derive(serde::Serialize, serde::Deserialize, Event)]
struct OrderCreated;

#[derive(aegis::Events)]
enum OrderEvent {
    Created { created: OrderCreated },
}

struct Billing;

#[aegis::service(name = "billing", version = "1.0.0")]
impl Billing {
    #[subscribe("orders.*", mode = "compete")]
    async fn bill(&self, _event: OrderCreated) -> Result<(), Failure> {
        Ok(())
    }

    #[subscribe(mode = "compete")]
    async fn book(&self, _event: OrderEvent) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
