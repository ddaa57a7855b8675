use aegis::prelude::*;
use serde::{Deserialize, Serialize};

/// What this program wants to know of an answer; further fields are ignored.
#[derive(Debug, Serialize, Deserialize)]
struct Greeting {
    text: String,
}

#[aegis::client(service = "greeter")]
trait Greetings {
    #[rpc(idempotent)]
    async fn greet(&self, name: String) -> Result<Greeting, Failure>;
}

#[aegis::main]
async fn main(client: Client) -> Result<()> {
    let greetings = GreetingsClient::new(&client); // Generated from the trait.
    println!("{}", greetings.greet("Ada".to_owned()).await?.text);
    if let Err(CallError::Service(failure)) = greetings.greet(String::new()).await {
        println!("{}: {}", failure.code(), failure.message());
    }
    Ok(())
}
