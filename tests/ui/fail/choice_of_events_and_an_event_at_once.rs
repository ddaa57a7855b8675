use aegis::prelude::*;

#[derive(serde::Serialize, serde::Deserialize, Event)]
#[event("orders.created")]
struct OrderCreated;

#[derive(serde::Serialize, serde::Deserialize, Event, aegis::Events)]
#[event("orders.changed")]
enum OrderEvent {
    Created(OrderCreated),
}

fn main() {}
