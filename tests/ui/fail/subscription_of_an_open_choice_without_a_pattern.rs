use aegis::prelude::*;

#[derive(serde::Serialize, serde::Deserialize, Event)]
#[event("orders.created")]
struct OrderCreated;

#[derive(aegis::Events)]
enum OrderEvent {
    Created(OrderCreated),
    #[events(other)]
    Other(AnyEvent),
}

struct Billing;

#[aegis::service(name = "billing", version = "1.0.0")]
impl Billing {
    #[subscribe(mode = "compete")]
    async fn bill(&self, _event: OrderEvent) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
