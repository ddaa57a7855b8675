use aegis::prelude::*;

struct Calculator;

#[aegis::service(name = "calculator", version = "1.0.0")]
impl Calculator {
    #[rpc]
    async fn length(
        &self,
        a: Option<&str>,
        b: std::borrow::Cow<'_, str>,
    ) -> Result<usize, Failure> {
        Ok(0)
    }
}

fn main() {}
