use aegis::prelude::*;

struct Importer;

#[aegis::service(name = "importer", version = "1.0.0")]
impl Importer {
    #[command]
    async fn new(&self, url: String) -> Result<String, Failure> {
        Ok(url)
    }
}

fn main() {}
