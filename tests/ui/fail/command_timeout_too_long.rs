use aegis::prelude::*;

struct Importer;

#[aegis::service(name = "importer", version = "1.0.0")]
impl Importer {
    #[command(timeout = "8d")]
    async fn import(&self, url: String) -> Result<String, Failure> {
        Ok(url)
    }
}

fn main() {}
