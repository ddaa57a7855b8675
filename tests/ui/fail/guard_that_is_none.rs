use aegis::prelude::*;

struct Vault;

fn of_a_text(_: &str) -> bool {
    true
}

#[aegis::service(name = "vault", version = "1.0.0")]
impl Vault {
    #[rpc(guard = "not a path")]
    async fn open(&self) -> Result<(), Failure> {
        Ok(())
    }

    #[rpc(guard = of_a_text)]
    async fn close(&self) -> Result<(), Failure> {
        Ok(())
    }
}

struct Safe;

#[aegis::service(name = "safe", version = "1.0.0")]
impl Safe {
    #[rpc(guard = "of_a_text")]
    async fn open(&self) -> Result<(), Failure> {
        Ok(())
    }

    #[command(guard = "nobody::knows")]
    async fn burn(&self) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
