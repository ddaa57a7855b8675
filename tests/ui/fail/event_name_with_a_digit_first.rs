#[derive(serde::Serialize, serde::Deserialize, aegis::Event)]
#[event("orders.2created")]
struct OrderCreated;

fn main() {}
