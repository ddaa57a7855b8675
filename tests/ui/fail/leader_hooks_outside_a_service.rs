use aegis::prelude::*;

struct Ledger;

impl Ledger {
    #[on_leader]
    async fn promoted(&self) -> Result<(), Failure> {
        Ok(())
    }

    #[on_standby]
    async fn demoted(&self) {}
}

fn main() {}
