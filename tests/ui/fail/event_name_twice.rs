#[derive(serde::Serialize, serde::Deserialize, aegis::Event)]
#[event("orders.created")]
#[event("orders.made")]
struct OrderCreated;

fn main() {}
