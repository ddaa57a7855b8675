use aegis::Config;
use aegis::prelude::*;
use risk::RiskClient;

/// Has a book valued in so many scenarios: `send equities 300`.
#[aegis::main]
async fn main(config: Config) -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let book = arguments.next().unwrap_or("equities".to_owned());
    let scenarios = arguments.next().and_then(|text| text.parse().ok());
    let risk = RiskClient::new(&Client::connect(config).await?);
    let job = risk.value(book, scenarios.unwrap_or(300)).send().await?;
    println!("{}", job.id()); // The queue holds it: this program is not needed any more.
    Ok(())
}
