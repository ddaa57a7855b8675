use aegis::prelude::*;

struct Ledger;

#[aegis::service(name = "ledger", version = "1.0.0")]
impl Ledger {
    #[rpc]
    async fn post(&self, _leader: &Leadership) -> Result<u64, Failure> {
        Ok(0)
    }

    #[on_stop]
    async fn flush(&self, _leader: &Leadership) {}

    #[exclusive_rpc]
    async fn post_all(&self, _leader: &Leadership, _other: &Client) -> Result<u64, Failure> {
        Ok(0)
    }

    #[on_leader]
    fn promoted(&self, _leader: &Leadership, _other: &Client) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
