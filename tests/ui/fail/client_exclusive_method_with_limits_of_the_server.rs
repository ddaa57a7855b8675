use aegis::prelude::*;

#[aegis::client(service = "ledger")]
trait Ledger {
    #[exclusive_rpc(concurrency = 8, queue = 16)]
    async fn post(&self, amount: i64) -> Result<u64, Failure>;
}

fn main() {}
