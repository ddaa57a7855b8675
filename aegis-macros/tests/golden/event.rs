#[derive(aegis::Event)]
#[event("orders.created", version = "1.1")]
pub struct OrderCreated {
    id: String,
}

#[derive(aegis::Event)]
#[event("orders.changed")]
enum OrderChanged {
    Moved,
    Priced(u64),
}

#[derive(aegis::Event)]
struct OrderLost;
