use aegis::prelude::*;

#[derive(serde::Serialize, serde::Deserialize, Event)]
#[event("orders.created")]
struct OrderCreated;

#[derive(serde::Serialize, serde::Deserialize, Event)]
#[event("orders.cancelled")]
struct OrderCancelled;

#[derive(aegis::Events)]
#[events(other)]
enum OrderEvent {
    #[events(others)]
    Created(OrderCreated),
    #[events]
    Cancelled(OrderCancelled),
    Rest(#[events(other)] AnyEvent),
}

fn main() {}
