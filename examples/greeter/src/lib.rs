use aegis::prelude::*;
use serde::{Deserialize, Serialize};

pub struct Greeter;

#[derive(Debug, Serialize, Deserialize)]
pub struct Greeting {
    pub text: String,
    pub from: String,
}

#[derive(Debug, PartialEq, thiserror::Error, Serialize, Deserialize, aegis::Failure)]
pub enum GreetError {
    #[error("a name is needed to greet somebody")]
    #[failure(code = "NO_NAME", status = 422)]
    NoName,
}

/// Greets people.
#[aegis::service(name = "greeter", version = "0.1.0")]
impl Greeter {
    /// Greets somebody by name.
    #[rpc(idempotent)]
    async fn greet(&self, ctx: &Context, name: String) -> Result<Greeting, GreetError> {
        if name.is_empty() {
            return Err(GreetError::NoName);
        }
        let text = format!("Hello, {name}!");
        let from = ctx.instance().to_owned();
        Ok(Greeting { text, from })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aegis::testing::{NatsServer, TestApp};

    async fn check(app: TestApp) {
        let app = app.service(Greeter).start().await.unwrap();
        let greeter: GreeterClient = app.client(); // Generated next to the service.
        let greeting = greeter.greet("Ada".to_owned()).await.unwrap();
        assert_eq!(greeting.text, "Hello, Ada!");
        let error = greeter.greet(String::new()).await.unwrap_err();
        assert_eq!(error.service(), Some(&GreetError::NoName));
        app.stop().await.unwrap();
    }

    #[tokio::test]
    async fn greets_in_memory() {
        check(TestApp::new()).await;
    }

    #[tokio::test]
    async fn greets_on_a_real_server() {
        let server = NatsServer::start().await.unwrap();
        check(TestApp::new().on_nats(&server.url())).await;
    }
}
