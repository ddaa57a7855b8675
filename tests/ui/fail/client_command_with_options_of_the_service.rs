use aegis::prelude::*;

#[aegis::client(service = "importer")]
trait Importer {
    #[command(name = "import", retries = 3, timeout = "5m", concurrency = 8)]
    async fn import(&self, url: String) -> Result<String, Failure>;
}

fn main() {}
