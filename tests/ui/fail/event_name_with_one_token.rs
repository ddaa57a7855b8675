#[derive(serde::Serialize, serde::Deserialize, aegis::Event)]
#[event("created")]
struct OrderCreated;

fn main() {}
