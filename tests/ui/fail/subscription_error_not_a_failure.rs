use aegis::prelude::*;

struct Billing;

#[aegis::service(name = "billing", version = "1.0.0")]
impl Billing {
    #[subscribe("orders.*", mode = "compete")]
    async fn bill(&self, _event: AnyEvent) -> Result<(), String> {
        Err("no".to_owned())
    }
}

fn main() {}
