use aegis::prelude::*;

#[derive(serde::Serialize, serde::Deserialize, Event)]
#[event("orders.created")]
struct OrderCreated;

#[derive(serde::Serialize, serde::Deserialize, Event)]
#[event("orders.cancelled")]
struct OrderCancelled;

#[derive(aegis::Events)]
enum OrderEvent {
    Created(OrderCreated),
    Cancelled(OrderCancelled),
}

struct Billing;

#[aegis::service(name = "billing", version = "1.0.0")]
impl Billing {
    #[subscribe("orders.created", mode = "compete")]
    async fn bill(&self, _event: OrderEvent) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
