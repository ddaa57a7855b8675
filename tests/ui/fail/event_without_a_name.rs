#[derive(serde::Serialize, serde::Deserialize, aegis::Event)]
struct OrderItemAdded {
    id: String,
}

#[derive(serde::Serialize, serde::Deserialize, aegis::Event)]
struct Created;

fn main() {}
