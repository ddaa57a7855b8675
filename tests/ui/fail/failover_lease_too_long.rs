use aegis::prelude::*;

struct Ledger;

#[aegis::service(name = "ledger", version = "1.0.0", failover(lease = "2m", margin = "20s", renew = "1s"))]
impl Ledger {
    #[exclusive_rpc]
    async fn post(&self, leader: &Leadership) -> Result<u64, Failure> {
        Ok(leader.epoch())
    }
}

fn main() {}
