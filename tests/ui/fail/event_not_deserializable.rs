#[derive(serde::Serialize, aegis::Event)]
#[event("orders.created")]
struct OrderCreated;

fn main() {}
