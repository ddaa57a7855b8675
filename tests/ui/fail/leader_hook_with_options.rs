use aegis::prelude::*;

struct Ledger;

#[aegis::service(name = "ledger", version = "1.0.0")]
impl Ledger {
    #[on_leader(group = "main")]
    async fn promoted(&self) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
