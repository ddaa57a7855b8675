use aegis::prelude::*;

#[aegis::main]
async fn main(app: App, client: Client) -> Result<()> {
    Ok(())
}
