use aegis::prelude::*;

#[aegis::main]
fn main(app: App) -> Result<()> {
    Ok(())
}
