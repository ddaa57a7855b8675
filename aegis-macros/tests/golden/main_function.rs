/// Starts.
#[aegis::main]
#[cfg(unix)]
async fn main(app: App) -> Result<()> {
    app.service(Calculator).run().await
}
