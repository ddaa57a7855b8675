use aegis::prelude::*;

struct Ledger;

#[aegis::service(name = "ledger", version = "1.0.0", failover = "aggressive")]
impl Ledger {
    #[rpc]
    async fn balance(&self) -> Result<i64, Failure> {
        Ok(0)
    }
}

fn main() {}
