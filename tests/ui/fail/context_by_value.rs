use aegis::prelude::*;

struct Ledger;

#[aegis::service(name = "ledger", version = "1.0.0")]
impl Ledger {
    #[rpc]
    async fn post(&self, _ctx: Context, cents: u64) -> Result<u64, Failure> {
        Ok(cents)
    }
}

fn main() {}
