use aegis::prelude::*;

#[aegis::main]
async fn main<T>(app: T) -> Result<()> {
    Ok(())
}
