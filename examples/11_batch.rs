//! Batches of payments: worked through one after the other by whoever has time, the urgent one first,
//! with progress, and each of them paid once.
//!
//! ```text
//! cargo run -p aegis-examples --bin 11_batch              # a sender and a worker, and it ends
//! cargo run -p aegis-examples --bin 11_batch worker       # a worker; start several
//! cargo run -p aegis-examples --bin 11_batch send noon 40 # a batch of 40 payments for them
//! ```
//!
//! It runs on the server that `AEGIS_NATS_URL` names; the first one without any server if that is not
//! set.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aegis::prelude::*;
use aegis::{Config, Job, JobState};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// A batch as it is sent.
#[derive(Debug, Serialize, Deserialize)]
struct Batch {
    name: String,
    cents: Vec<u64>,
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
struct Receipt {
    payments: u32,
    cents: u64,
    transfer: String,
}

/// Somebody else's, behind a network that loses answers. It takes a key with each transfer, and can be
/// asked for the transfer that has it.
#[derive(Clone)]
struct Bank {
    opens: Arc<watch::Sender<bool>>,
    transfers: Arc<Mutex<Vec<String>>>,
}

impl Bank {
    fn new(is_open: bool) -> Self {
        Self {
            opens: Arc::new(watch::Sender::new(is_open)),
            transfers: Arc::default(),
        }
    }

    async fn opened(&self) {
        let mut opens = self.opens.subscribe();
        let _ = opens.wait_for(|open| *open).await; // Its sender is this bank's own.
    }

    fn transfers(&self) -> Vec<String> {
        let transfers = self.transfers.lock();
        transfers.unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn transfer(&self, batch: &Batch, key: &str) -> Result<String, Failure> {
        network().await;
        let transfers = self.transfers.lock();
        let mut transfers = transfers.unwrap_or_else(PoisonError::into_inner);
        transfers.push(key.to_owned());
        if batch.name == "evening" {
            // It is made, and nobody hears of that.
            return Err(Failure::internal("the answer of the bank was lost"));
        }
        Ok(key.to_owned())
    }

    async fn find(&self, key: &str) -> Result<Option<String>, Failure> {
        network().await;
        let found = self.transfers().into_iter().find(|made| made == key);
        Ok(found)
    }
}

struct Settlement {
    bank: Bank,
}

#[aegis::service(name = "settlement", version = "1.0.0")]
impl Settlement {
    /// Checks each payment of a batch, and then pays all of them in one transfer.
    #[command(retries = 2, backoff = "20ms", timeout = "10m", concurrency = 1)]
    async fn settle(
        &self,
        ctx: &Context,
        progress: &Progress,
        batch: Params<Batch>,
    ) -> Result<Receipt, Failure> {
        let attempt = ctx.attempt().unwrap_or_default();
        println!("worker: begins {}, attempt {attempt}", batch.name);
        self.bank.opened().await;
        let payments = u32::try_from(batch.cents.len())?;
        for done in 1..=payments {
            // Whoever cancels the batch does not wait for all of it.
            tokio::select! {
                () = check() => {}
                () = ctx.cancelled() => {
                    println!("worker: {} is to stop", batch.name);
                    return Err(Failure::new("STOPPED", "told to stop before the transfer"));
                }
            }
            let percent = 100.0 * f64::from(done) / f64::from(payments);
            let message = format!("{done} of {payments} are checked");
            progress.report(percent, &message).await?;
        }
        // The key is the same in each attempt, and so is the step.
        let key = format!("{}/transfer", ctx.job_id().unwrap_or_default());
        let transfer = ctx
            .once("transfer", || self.bank.transfer(&batch, &key))
            .resolve(|| self.bank.find(&key)) // Has it happened?
            .await?;
        Ok(Receipt {
            payments,
            cents: batch.cents.iter().sum(),
            transfer,
        })
    }
}

/// To the bank and back.
async fn network() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// A payment takes its time.
async fn check() {
    tokio::time::sleep(Duration::from_millis(2)).await;
}

fn batch(name: &str, payments: usize) -> Params<Batch> {
    let (name, cents) = (name.to_owned(), vec![250; payments]);
    Params(Batch { name, cents })
}

#[aegis::main]
async fn main(config: Config) -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["worker"] => {
            let bank = Bank::new(true);
            App::new(config).service(Settlement { bank }).run().await
        }
        ["send", name, payments] => {
            let client = SettlementClient::new(&Client::connect(config).await?);
            let batch = batch(name, payments.parse().unwrap_or(40));
            let job = client.settle(batch).idempotency_key(name).send().await?;
            follow(name, &job).await?;
            told(name, &job).await
        }
        _ => all(config).await,
    }
}

/// Prints how a job is: its states, and its progress a few times a second.
async fn follow(name: &str, job: &Job<Receipt>) -> Result<()> {
    let mut updates = job.progress();
    while let Some(status) = updates.next().await {
        let status = status?;
        let state = status.state;
        match status.progress {
            Some(at) => println!("{name}: {state} {:.0} % {}", at.percent, at.message),
            None => println!("{name}: {state}"),
        }
    }
    Ok(())
}

/// Prints what came of a job, as soon as it has ended.
async fn told(name: &str, job: &Job<Receipt>) -> Result<()> {
    match job.result().await {
        Ok(paid) => println!("{name}: {} payments, {} cents", paid.payments, paid.cents),
        Err(error) => println!("{name}: {error}"),
    }
    Ok(())
}

async fn until(job: &Job<Receipt>, is: impl Fn(&aegis::JobStatus) -> bool) -> Result<()> {
    let mut updates = job.progress();
    while let Some(status) = updates.next().await {
        if is(&status?) {
            break;
        }
    }
    Ok(())
}

async fn all(mut config: Config) -> Result<()> {
    if std::env::var_os("AEGIS_NATS_URL").is_none() {
        config = config.url("memory://");
    }
    let bank = Bank::new(false);
    let service = Settlement { bank: bank.clone() };
    let worker = App::new(config.clone()).service(service).start().await?;
    let client = Client::connect(config).await?;
    let settlement = SettlementClient::new(&client);

    // It is begun, and waits for the bank, as those behind it do.
    let morning = settlement.settle(batch("morning", 100)).send().await?;
    until(&morning, |status| status.state == JobState::Running).await?;

    let low = settlement.settle(batch("evening", 5));
    let evening = low.priority(Priority::Low).send().await?;
    // Whoever sends it again, such as this program after a crash, sends it under the same key.
    let run = std::process::id();
    let key = format!("{run}-noon");
    let noon = settlement.settle(batch("noon", 5));
    let noon = noon.idempotency_key(&key).send().await?;
    let again = settlement.settle(batch("noon", 5));
    let again = again.idempotency_key(&key).send().await?;
    let same = again.id() == noon.id();
    println!(
        "noon, sent twice: new {}, the same job {same}",
        again.is_new()
    );
    let mistake = settlement.settle(batch("mistake", 5)).send().await?;
    let status = mistake.cancel().await?;
    println!("mistake: {}, attempts {}", status.state, status.attempt);
    let urgent = settlement.settle(batch("urgent", 5));
    let urgent = urgent.priority(Priority::Critical).send().await?;

    bank.opens.send_replace(true);
    follow("morning", &morning).await?;
    let mut begun = Vec::new();
    for (name, job) in [
        ("morning", &morning),
        ("evening", &evening),
        ("noon", &noon),
        ("urgent", &urgent),
    ] {
        told(name, job).await?;
        let status = job.status().await?;
        begun.push((status.and_then(|status| status.started), name));
    }
    begun.sort_unstable();
    let begun: Vec<&str> = begun.into_iter().map(|(_, name)| name).collect();
    println!("begun in this order: {}", begun.join(", "));
    // From any other process, by its id alone, and as JSON.
    let found = client.command(noon.id());
    println!(
        "noon, found by its id: {}",
        found.result().await?["payments"]
    );

    cancel(&settlement).await?;
    let transfers = bank.transfers();
    let of_evening = transfers.iter().filter(|key| key.starts_with(evening.id()));
    println!(
        "{} transfers, {} of evening",
        transfers.len(),
        of_evening.count()
    );
    worker.stop().await
}

/// One that runs is told to stop.
async fn cancel(settlement: &SettlementClient) -> Result<()> {
    let long = settlement.settle(batch("long", 100_000)).send().await?;
    until(&long, |status| status.progress.is_some()).await?;
    let status = long.cancel().await?;
    println!("long: {}", status.state);
    Ok(())
}
