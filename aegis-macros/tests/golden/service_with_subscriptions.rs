#[aegis::service(name = "billing", version = "1.0.0")]
impl Billing {
    /// Bills an order.
    #[subscribe(mode = "compete")]
    async fn bill(&self, ctx: &Context, event: OrderCreated) -> Result<(), Failure> {
        Ok(())
    }

    #[subscribe(
        "orders.*",
        mode = "broadcast",
        name = "audit",
        start = "all",
        retries = 0,
        backoff = "2m",
        ack_wait = "1m 30s",
        concurrency = 8,
        durable,
        exactly
    )]
    #[cfg(unix)]
    async fn note(&self, OrderEvent { id }: OrderEvent) -> Result<(), AuditError> {
        Ok(())
    }

    #[subscribe("audit.>", mode = "exclusive", start = "new", backoff(first = "10ms", max = "1s"))]
    async fn book(&self, leader: &Leadership, _: AnyEvent, c: &Context) -> Result<(), Failure> {
        Ok(())
    }

    #[rpc]
    async fn total(&self) -> Result<u64, Failure> {
        Ok(0)
    }
}

#[aegis::service(name = "mistaken", version = "1.0.0")]
impl Mistaken {
    #[subscribe("orders.*", mode = "exclusive", retries = 2000)]
    async fn bill(&self, leader: &Leadership, event: AnyEvent) -> Result<(), Failure> {
        Ok(())
    }

    #[subscribe("orders.*", mode = "compete")]
    async fn book(&self, ctx: &Context, event: AnyEvent) -> Result<(), Failure> {
        Ok(())
    }
}
