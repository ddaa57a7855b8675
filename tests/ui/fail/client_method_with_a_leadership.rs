use aegis::prelude::*;

#[aegis::client(service = "ledger")]
trait Ledger {
    #[exclusive_rpc]
    async fn post(&self, leader: &Leadership, amount: i64) -> Result<u64, Failure>;
}

fn main() {}
