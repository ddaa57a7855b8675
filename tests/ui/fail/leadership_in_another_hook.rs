use aegis::prelude::*;

struct Ledger;

#[aegis::service(name = "ledger", version = "1.0.0")]
impl Ledger {
    #[on_start]
    async fn warm_up(&self, leader: &Leadership) -> Result<(), Failure> {
        leader.ensure()?;
        Ok(())
    }

    #[on_standby]
    async fn demoted(&self, _ctx: &Context, leader: &Leadership) {
        let _ = leader.epoch();
    }
}

fn main() {}
