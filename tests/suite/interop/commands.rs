//! Commands that nats-py sends, and what it reads of their jobs.

use aegis::JobState;
use aegis::testing::TestApp;

use super::*;

struct Risk;

#[aegis::service(name = "risk", version = "1.0.0")]
impl Risk {
    #[command]
    async fn value(&self, ctx: &Context, p: &Progress, book: String) -> Result<String, Failure> {
        p.report(50.0, "half").await?;
        ctx.once("note", async || Ok(7)).await?;
        Ok(format!("{book} is valued"))
    }
}

#[tokio::test]
async fn python_sends_commands_and_reads_what_came_of_them() {
    let Some(python) = install::python().await else {
        return;
    };
    let prefix = unique_prefix();
    let app = TestApp::new().on_nats(&shared_server().await);
    let app = app.configure(|config| {
        let config = config.subject_prefix(&prefix).commands_max_bytes(16 << 20);
        config.jobs_max_bytes(16 << 20).dead_max_bytes(16 << 20)
    });
    let app = app.service(Risk).start().await.unwrap();
    run_checks(&python, "commands.py", &[("PREFIX", &*prefix)]).await;
    // Whoever asks with the id finds the same.
    let client = app.running().client();
    let later = client.command("later-1").status().await.unwrap().unwrap();
    assert_eq!(later.state, JobState::Cancelled);
    app.stop().await.unwrap();
}
