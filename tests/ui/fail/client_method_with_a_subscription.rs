use aegis::prelude::*;

#[aegis::client(service = "billing")]
trait Billing {
    #[subscribe("orders.*", mode = "compete")]
    async fn bill(&self, event: AnyEvent) -> Result<(), Failure>;
}

fn main() {}
