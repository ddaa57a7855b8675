use aegis::prelude::*;
use risk::Risk;

#[aegis::main]
async fn main(app: App) -> Result<()> {
    app.service(Risk).run().await
}
