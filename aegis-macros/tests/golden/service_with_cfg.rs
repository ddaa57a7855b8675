#[aegis::service(name = "system", version = "1.0.0", description = "Knows the system.")]
#[cfg(feature = "system")]
impl my::System {
    #[cfg(unix)]
    #[rpc(name = "load")]
    async fn unix_load(&self) -> Result<f64, Failure> {
        Ok(0.5)
    }

    #[rpc(name = "load")]
    #[cfg(windows)]
    async fn windows_load(&self) -> Result<f64, Failure> {
        Ok(0.5)
    }

    #[cfg(unix)]
    #[on_stop]
    async fn flush(&self, ctx: &Context) {}
}
