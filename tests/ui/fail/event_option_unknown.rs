#[derive(serde::Serialize, serde::Deserialize, aegis::Event)]
#[event("orders.created", versoin = "1.1", version = 2)]
struct OrderCreated;

fn main() {}
