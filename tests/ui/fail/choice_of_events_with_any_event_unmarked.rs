use aegis::prelude::*;

#[derive(serde::Serialize, serde::Deserialize, Event)]
#[event("orders.created")]
struct OrderCreated;

#[derive(aegis::Events)]
enum OrderEvent {
    Created(OrderCreated),
    Other(AnyEvent),
}

fn main() {}
