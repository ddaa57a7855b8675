#[aegis::service(name = "two words", version = "1.0.0", colour = "red")]
impl Calculator {
    /// Stays callable in the client.
    #[rpc(timeout = "soon")]
    async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
        Ok(a + b)
    }

    #[rpc]
    fn subtract(&mut self, (a, b): (i64, i64)) -> Result<i64, Failure> {
        Ok(a - b)
    }
}
