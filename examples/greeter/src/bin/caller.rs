use std::time::Duration;

use aegis::prelude::*;
use greeter::{GreetError, GreeterClient};

#[aegis::main]
async fn main(client: Client) -> Result<()> {
    let greeter = GreeterClient::new(&client);
    for name in ["Ada", ""] {
        let call = greeter
            .greet(name.to_owned())
            .within(Duration::from_secs(2))
            .retry(RetryPolicy::default());
        match call.await {
            Ok(greeting) => println!("{} (from {})", greeting.text, greeting.from),
            Err(CallError::Service(GreetError::NoName)) => println!("Nobody to greet."),
            Err(CallError::Failed(error)) => return Err(error),
        }
    }
    Ok(())
}
