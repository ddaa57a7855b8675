use aegis::prelude::*;

#[aegis::main]
async fn main() -> Result<()> {
    Ok(())
}
