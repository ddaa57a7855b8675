use aegis::prelude::*;

struct Ledger;

#[aegis::service(name = "ledger", version = "1.0.0")]
impl Ledger {
    #[exclusive_rpc(group = "main", timout = "2s")]
    async fn post(&self) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
