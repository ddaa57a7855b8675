use aegis::prelude::*;

struct Ledger;

#[aegis::service(name = "ledger", version = "1.0.0")]
impl Ledger {
    #[exclusive_rpc]
    async fn post(&self, entry: &String) -> Result<usize, Failure> {
        Ok(entry.len())
    }
}

fn main() {}
