/// Adds numbers.
///
/// And keeps them.
#[aegis::service(name = "calculator", version = "1.2.0", metadata(team = "core", tier = "1"))]
impl Calculator {
    /// Adds two numbers.
    #[rpc(name = "sum", timeout = "2s", idempotent, concurrency = 8, queue = 16)]
    async fn add(&self, ctx: &Context, a: i64, b: i64) -> Result<i64, Failure> {
        Ok(a + b)
    }

    #[aegis::rpc]
    #[deprecated]
    async fn create(&self, order: Params<NewOrder>) -> Result<Receipt, OrderError> {
        Ok(Receipt::of(order))
    }

    #[rpc]
    async fn r#type(&self, mut r#fn: Vec<Self>) -> Result<Self, Failure> {
        Ok(r#fn.remove(0))
    }

    #[rpc]
    async fn ping(&self) -> Result<(), Failure> {
        Ok(())
    }

    #[on_start]
    async fn warm_up(&self, ctx: &Context) -> Result<(), Failure> {
        Ok(())
    }

    #[on_stop]
    async fn flush(&self) {}

    fn helper(&self) {}
}
