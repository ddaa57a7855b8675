use aegis::prelude::*;

struct Billing;

#[aegis::service(name = "billing", version = "1.0.0")]
impl Billing {
    #[subscribe("orders.*", mode = "compete")]
    const PATTERN: &str = "orders.*";
}

fn main() {}
