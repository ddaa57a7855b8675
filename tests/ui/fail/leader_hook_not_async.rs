use aegis::prelude::*;

struct Ledger;

#[aegis::service(name = "ledger", version = "1.0.0")]
impl Ledger {
    #[on_leader]
    fn promoted(&self) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
