use aegis::prelude::*;

struct Calculator;

async fn run(app: App) -> Result<()> {
    app.service(Calculator).run().await
}

fn main() {}
