use aegis::prelude::*;

struct Importer;

#[aegis::service(name = "importer", version = "1.0.0")]
impl Importer {
    #[command]
    async fn import(&self, command: String, payload: String) -> Result<String, Failure> {
        Ok(command + &payload)
    }
}

fn main() {}
