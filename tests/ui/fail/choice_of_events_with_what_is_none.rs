use aegis::prelude::*;

#[derive(serde::Serialize, serde::Deserialize, Event)]
#[event("orders.created")]
struct OrderCreated;

struct Order;

#[derive(aegis::Events)]
enum OrderEvent {
    Created(OrderCreated),
    Order(Order),
}

fn main() {}
