use aegis::prelude::*;

struct Ledger;

#[aegis::service(name = "ledger", version = "1.0.0", failover(lease = "600ms", margin = "100ms", renewal = "120ms"))]
impl Ledger {
    #[exclusive_rpc]
    async fn post(&self, leader: &Leadership) -> Result<u64, Failure> {
        Ok(leader.epoch())
    }
}

fn main() {}
