/// Keeps the books.
#[aegis::service(name = "ledger", version = "1.0.0", group = "eu", failover = "aggressive")]
impl Ledger {
    /// Adds an entry.
    #[exclusive_rpc(timeout = "2s", idempotent)]
    async fn post(&self, leader: &Leadership, ctx: &Context, entry: Entry) -> Result<u64, Failure> {
        Ok(leader.epoch())
    }

    #[rpc]
    async fn balance(&self, ctx: &Context, account: String) -> Result<i64, Failure> {
        Ok(0)
    }

    #[on_leader]
    async fn promoted(&self, leader: &Leadership, ctx: &Context) -> Result<(), Failure> {
        Ok(())
    }

    #[on_standby]
    async fn demoted(&self, ctx: &Context) {}

    #[on_start]
    async fn warm_up(&self, ctx: &Context) -> Result<(), Failure> {
        Ok(())
    }

    #[on_stop]
    async fn flush(&self) {}

    #[health]
    async fn health(&self) -> Health {
        Health::Up
    }
}

#[aegis::service(
    name = "archive",
    version = "1.0.0",
    failover(lease = "1s 200ms", margin = "200ms", renew = "200ms")
)]
impl Archive {
    #[on_leader]
    async fn on_leader(&self) -> Result<(), Failure> {
        Ok(())
    }

    #[on_standby]
    async fn on_standby(&self) {}
}

#[aegis::service(name = "optional", version = "1.0.0", failover = "ride-through")]
impl Optional {
    #[cfg(unix)]
    #[cfg(feature = "writes")]
    #[exclusive_rpc]
    async fn write(&self) -> Result<(), Failure> {
        Ok(())
    }

    #[cfg(test)]
    #[on_standby]
    async fn demoted(&self) {}
}

#[aegis::client(service = "ledger")]
trait Elsewhere {
    #[exclusive_rpc]
    async fn post(&self, entry: Entry) -> Result<u64, Failure>;

    async fn balance(&self, account: String) -> Result<i64, Failure>;
}
