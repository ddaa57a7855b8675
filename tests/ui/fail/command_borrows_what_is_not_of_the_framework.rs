use aegis::prelude::*;

struct Importer;

#[aegis::service(name = "importer", version = "1.0.0")]
impl Importer {
    #[command]
    async fn import(&self, url: &String) -> Result<usize, Failure> {
        Ok(url.len())
    }
}

fn main() {}
