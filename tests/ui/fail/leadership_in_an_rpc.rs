use aegis::prelude::*;

struct Ledger;

#[aegis::service(name = "ledger", version = "1.0.0")]
impl Ledger {
    #[rpc]
    async fn post(&self, leader: &Leadership, amount: i64) -> Result<u64, Failure> {
        let _ = amount;
        Ok(leader.epoch())
    }
}

fn main() {}
