use aegis::prelude::*;

struct Importer;

#[aegis::service(name = "importer", version = "1.0.0")]
impl Importer {
    #[command]
    async fn import(&self, url: String, times: usize) -> Result<String, Failure> {
        Ok(url.repeat(times))
    }
}

fn send(client: &ImporterClient) {
    let _ = client.import("https://example.com", 2);
    let _ = client.import("https://example.com".to_owned());
    let _ = client.remove(2);
}

fn main() {}
