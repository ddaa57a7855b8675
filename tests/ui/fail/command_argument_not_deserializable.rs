use aegis::prelude::*;

struct Source;

struct Importer;

#[aegis::service(name = "importer", version = "1.0.0")]
impl Importer {
    #[command]
    async fn import(&self, source: Source) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
