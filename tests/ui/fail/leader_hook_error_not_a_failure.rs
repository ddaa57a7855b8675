use aegis::prelude::*;

struct Ledger;

#[aegis::service(name = "ledger", version = "1.0.0")]
impl Ledger {
    #[on_leader]
    async fn promoted(&self) -> Result<(), String> {
        Err("cold".to_owned())
    }
}

fn main() {}
