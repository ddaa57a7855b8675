use aegis::prelude::*;

#[aegis::main(threads = 4)]
async fn main(app: App) -> Result<()> {
    Ok(())
}
