use aegis::prelude::*;
use greeter::Greeter;

#[aegis::main]
async fn main(app: App) -> Result<()> {
    app.service(Greeter).run().await
}
