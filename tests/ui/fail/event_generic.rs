#[derive(serde::Serialize, serde::Deserialize, aegis::Event)]
#[event("orders.created")]
struct OrderCreated<T> {
    body: T,
}

fn main() {}
