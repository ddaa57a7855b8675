#[derive(aegis::Event)]
#[event("orders.created")]
union OrderCreated {
    id: u64,
}

fn main() {}
