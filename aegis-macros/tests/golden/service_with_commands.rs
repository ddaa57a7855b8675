#[aegis::service(name = "importer", version = "1.0.0")]
impl Importer {
    /// Imports a file.
    #[command(retries = 3, timeout = "5m", concurrency = 8)]
    async fn import(&self, ctx: &Context, progress: &Progress, url: String) -> Result<Report, Failure> {
        Ok(Report::of(url))
    }

    #[command(name = "compact", backoff(first = "10ms", max = "1s"), ack_wait = "1m")]
    #[cfg(unix)]
    #[deprecated]
    async fn r#match(&self, r#type: Vec<Self>, depth: u8) -> Result<Self, ImportError> {
        Ok(r#type.remove(0))
    }

    #[aegis::command(backoff = "2m")]
    async fn clean(&self) -> Result<(), Failure> {
        Ok(())
    }

    #[rpc]
    async fn total(&self) -> Result<u64, Failure> {
        Ok(0)
    }
}

#[aegis::service(name = "mistaken", version = "1.0.0")]
impl Mistaken {
    #[command(retries = 2000)]
    async fn import(&self, progress: &Progress, url: String) -> Result<(), Failure> {
        Ok(())
    }

    #[command]
    async fn clean(&self, path: &str, &depth: &u8) -> Result<(), Failure> {
        Ok(())
    }
}

#[aegis::client(service = "importer")]
trait Importing {
    #[command(name = "import")]
    async fn start(&self, url: String) -> Result<Report, ImportError>;
}
