use aegis::prelude::*;

struct Ledger;

#[aegis::service(name = "ledger", version = "1.0.0")]
impl Ledger {
    #[exclusive_rpc]
    const LIMIT: u64 = 1;
}

fn main() {}
