use aegis::prelude::*;

struct Billing;

#[aegis::service(name = "billing", version = "1.0.0")]
impl Billing {
    #[subscribe("orders.*", mode = compete, start, retries = "5", backoff = 1, ack_wait = 30, concurrency = "8", durable = true, exactly = "yes", name = bill)]
    async fn bill(&self, _event: AnyEvent) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
