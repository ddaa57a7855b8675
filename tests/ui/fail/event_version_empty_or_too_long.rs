#[derive(serde::Serialize, serde::Deserialize, aegis::Event)]
#[event("orders.created", version = "")]
struct OrderCreated;

#[derive(serde::Serialize, serde::Deserialize, aegis::Event)]
#[event(
    "orders.paid",
    version = "11111111111111111111111111111111111111111111111111111111111111111"
)]
struct OrderPaid;

fn main() {}
