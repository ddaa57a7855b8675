#[cfg(unix)]
fn main() -> ::std::process::ExitCode {
    /// Starts.
    async fn main(app: App) -> Result<()> {
        app.service(Calculator).run().await
    }
    ::aegis::__private::main(main)
}
