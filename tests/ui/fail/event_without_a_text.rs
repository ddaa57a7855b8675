#[derive(serde::Serialize, serde::Deserialize, aegis::Event)]
#[event]
struct OrderCreated;

#[derive(serde::Serialize, serde::Deserialize, aegis::Event)]
#[event = "orders.cancelled"]
struct OrderCancelled;

#[derive(serde::Serialize, serde::Deserialize, aegis::Event)]
#[event(name = "orders.paid")]
struct OrderPaid;

fn main() {}
