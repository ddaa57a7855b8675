use aegis::prelude::*;
use shop::Billing;

#[aegis::main]
async fn main(app: App) -> Result<()> {
    app.service(Billing).run().await
}
