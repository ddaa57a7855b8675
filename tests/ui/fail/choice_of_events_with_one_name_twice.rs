use aegis::prelude::*;

#[derive(serde::Serialize, serde::Deserialize, Event)]
#[event("orders.created")]
struct OrderCreated;

#[derive(serde::Serialize, serde::Deserialize, Event)]
#[event("orders.created", version = "2.0")]
struct OrderMade;

#[derive(aegis::Events)]
enum OrderEvent {
    Created(OrderCreated),
    Made(OrderMade),
}

fn main() {}
