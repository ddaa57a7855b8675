use aegis::prelude::*;

#[aegis::main]
async fn main(port: u16) -> Result<()> {
    Ok(())
}
