use aegis::prelude::*;

struct Importer;

impl Importer {
    #[command(retries = 3)]
    async fn import(&self, url: String) -> Result<String, Failure> {
        Ok(url)
    }
}

fn main() {}
