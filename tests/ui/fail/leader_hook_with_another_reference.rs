use aegis::prelude::*;

struct Ledger;

#[aegis::service(name = "ledger", version = "1.0.0")]
impl Ledger {
    #[on_leader]
    async fn promoted(&self, client: &Client) -> Result<(), Failure> {
        let _ = client;
        Ok(())
    }
}

fn main() {}
