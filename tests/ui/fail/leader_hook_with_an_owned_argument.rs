use aegis::prelude::*;

struct Ledger;

#[aegis::service(name = "ledger", version = "1.0.0")]
impl Ledger {
    #[on_leader]
    async fn promoted(&self, leader: Leadership) -> Result<(), Failure> {
        leader.ensure()?;
        Ok(())
    }
}

fn main() {}
