use aegis::Config;
use aegis::prelude::*;
use risk::Worst;

/// Follows the job of this id, and tells what came of it: `follow 0198c6a0-..`.
#[aegis::main]
async fn main(config: Config) -> Result<()> {
    let id = std::env::args().nth(1).unwrap_or_default();
    let client = Client::connect(config).await?;
    let job = client.command(&id).returning::<Worst>();
    let mut updates = job.progress();
    while let Some(status) = updates.next().await {
        let status = status?;
        let percent = status.progress.map_or(0.0, |progress| progress.percent);
        println!("{} {percent:.0} %", status.state);
    }
    match job.result().await {
        Ok(worst) => println!("{} cents in scenario {}", worst.cents, worst.scenario),
        Err(error) => println!("no result: {error}"),
    }
    Ok(())
}
