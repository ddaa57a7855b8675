use aegis::prelude::*;

struct Importer;

#[aegis::service(name = "importer", version = "1.0.0")]
impl Importer {
    #[command(name, retries = "3", backoff = 1, ack_wait = 30, timeout = 300, concurrency)]
    async fn import(&self, url: String) -> Result<String, Failure> {
        Ok(url)
    }
}

fn main() {}
