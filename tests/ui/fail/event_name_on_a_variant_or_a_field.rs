#[derive(serde::Serialize, serde::Deserialize, aegis::Event)]
#[event("orders.changed")]
enum OrderChanged {
    #[event("orders.created")]
    Created,
    Moved {
        #[event("orders.moved")]
        to: String,
    },
}

fn main() {}
