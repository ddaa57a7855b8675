use aegis::prelude::*;

struct Ledger;

#[aegis::service(name = "ledger", version = "1.0.0")]
impl Ledger {
    #[on_standby]
    #[on_stop]
    async fn flush(&self) {}
}

fn main() {}
