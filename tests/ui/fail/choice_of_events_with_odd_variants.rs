use aegis::prelude::*;

#[derive(serde::Serialize, serde::Deserialize, Event)]
#[event("orders.created")]
struct OrderCreated;

#[derive(serde::Serialize, serde::Deserialize, Event)]
#[event("orders.cancelled")]
struct OrderCancelled;

#[derive(aegis::Events)]
enum OrderEvent {
    Created {
        event: OrderCreated,
    },
    Both(OrderCreated, OrderCancelled),
    Nothing,
    #[events(other)]
    Other,
}

fn main() {}
