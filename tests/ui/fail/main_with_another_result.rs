use aegis::prelude::*;

#[aegis::main]
async fn main(app: App) -> u16 {
    1
}
