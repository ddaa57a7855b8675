use aegis::prelude::*;

#[aegis::main]
async fn start(app: App) -> Result<()> {
    Ok(())
}

fn main() {}
