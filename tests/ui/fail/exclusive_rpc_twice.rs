use aegis::prelude::*;

struct Ledger;

#[aegis::service(name = "ledger", version = "1.0.0")]
impl Ledger {
    #[exclusive_rpc]
    #[aegis::exclusive_rpc]
    async fn post(&self) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
