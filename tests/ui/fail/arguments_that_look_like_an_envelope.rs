use aegis::prelude::*;

struct Audit;

#[aegis::service(name = "audit", version = "1.0.0")]
impl Audit {
    #[rpc]
    async fn record(&self, method: String, params: String) -> Result<(), Failure> {
        let _ = (method, params);
        Ok(())
    }
}

fn main() {}
