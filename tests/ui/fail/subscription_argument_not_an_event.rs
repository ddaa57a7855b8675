use aegis::prelude::*;

#[derive(serde::Serialize, serde::Deserialize)]
struct Order;

struct Billing;

#[aegis::service(name = "billing", version = "1.0.0")]
impl Billing {
    #[subscribe("orders.*", mode = "compete")]
    async fn bill(&self, _order: Order) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
