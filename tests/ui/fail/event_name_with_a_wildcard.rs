#[derive(serde::Serialize, serde::Deserialize, aegis::Event)]
#[event("orders.*")]
struct OrderCreated;

fn main() {}
