use aegis::prelude::*;

struct Ledger;

impl Ledger {
    #[exclusive_rpc]
    async fn post(&self, leader: &Leadership) -> Result<u64, Failure> {
        Ok(leader.epoch())
    }
}

fn main() {}
