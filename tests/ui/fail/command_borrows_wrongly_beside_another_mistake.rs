use aegis::prelude::*;

struct Importer;

#[aegis::service(name = "importer", version = "1.0.0")]
impl Importer {
    #[command(retries = 2000)]
    async fn import(&self, url: &String) -> Result<usize, Failure> {
        Ok(url.len())
    }

    #[command]
    async fn compact(&self, leader: &Leadership) -> Result<u64, Failure> {
        Ok(leader.epoch())
    }
}

fn main() {}
