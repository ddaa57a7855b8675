#[derive(serde::Serialize, serde::Deserialize, aegis::Event)]
#[event("orders.created")]
struct OrderCreated<'a> {
    id: &'a str,
}

fn main() {}
