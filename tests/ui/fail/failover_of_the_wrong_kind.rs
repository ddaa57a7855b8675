use aegis::prelude::*;

struct Ledger;

#[aegis::service(name = "ledger", version = "1.0.0", failover = 600)]
impl Ledger {
    #[exclusive_rpc]
    async fn post(&self, leader: &Leadership) -> Result<u64, Failure> {
        Ok(leader.epoch())
    }
}

fn main() {}
