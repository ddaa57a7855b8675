//! A service for commands and its tests, as `docs/guide/commands.md` shows them.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::{RunningTest, TestApp};
use aegis::{JobState, JobStatus};
use serde::{Deserialize, Serialize};

enum BankError {
    Busy { again: Duration },
    NoAccount,
}

#[derive(Debug, Serialize, Deserialize, thiserror::Error, aegis::Failure)]
enum LimitError {
    #[error("{book} has {left} cents left")]
    #[failure(code = "LIMIT")]
    Reached { book: String, left: u64 },
}

/// A bank that does what the amount says.
#[derive(Default)]
struct Bank {
    payments: Mutex<Vec<String>>,
    mails: Mutex<u32>,
    /// Whether the customer of 0 cents has an account.
    knows: Mutex<bool>,
}

impl Bank {
    fn charge(&self, cents: u64) -> Result<(), BankError> {
        let mut payments = self.payments.lock().unwrap();
        let again = Duration::from_millis(5);
        let is_first = payments.is_empty();
        payments.push(format!("{cents} cents"));
        match cents {
            0 if !*self.knows.lock().unwrap() => Err(BankError::NoAccount),
            1 if is_first => Err(BankError::Busy { again }),
            _ => Ok(()),
        }
    }

    async fn pay(&self, key: &str) -> Result<String, Failure> {
        tokio::task::yield_now().await; // The network.
        self.payments.lock().unwrap().push(key.to_owned());
        Err(Failure::new("NO_ANSWER", "the bank does not answer"))
    }

    async fn find(&self, key: &str) -> Result<Option<String>, Failure> {
        tokio::task::yield_now().await; // The network.
        let payments = self.payments.lock().unwrap();
        Ok(payments.iter().find(|made| *made == key).cloned())
    }

    /// It is sent, and whoever asked for it ends before that is noted.
    async fn mail(&self) -> Result<u32, Failure> {
        let sent = {
            let mut mails = self.mails.lock().unwrap();
            *mails += 1;
            *mails
        };
        if sent == 1 {
            std::future::pending::<()>().await;
        }
        Ok(sent)
    }
}

#[derive(Clone, Default)]
struct Billing {
    bank: Arc<Bank>,
}

#[aegis::service(name = "billing", version = "1.0.0")]
impl Billing {
    #[command(
        retries = 8,
        backoff(first = "500ms", max = "30s"),
        timeout = "2m",
        concurrency = 4
    )]
    async fn charge(&self, customer: String, cents: u64) -> Result<String, Failure> {
        match self.bank.charge(cents) {
            Ok(()) => Ok(format!("{customer} paid {cents}")),
            Err(BankError::Busy { again }) => {
                let failure = Failure::new("BANK_BUSY", "the bank has no time now");
                Err(failure.retry_after(again))
            }
            Err(BankError::NoAccount) => {
                let failure = Failure::new("NO_ACCOUNT", "the customer has no account");
                Err(failure.terminal())
            }
        }
    }

    #[command(retries = 0)]
    async fn reserve(&self, book: String, cents: u64) -> Result<u64, LimitError> {
        let left = 500;
        if cents > left {
            return Err(LimitError::Reached { book, left });
        }
        Ok(left - cents)
    }

    #[command(backoff = "5ms")]
    async fn pay(&self, ctx: &Context) -> Result<String, Failure> {
        // The same in each attempt: the bank keeps it with the payment.
        let key = format!("{}/pay", ctx.job_id().unwrap_or_default());
        let paid = ctx
            .once("pay", || self.bank.pay(&key))
            .resolve(|| self.bank.find(&key)) // Ok(Some(payment)): it has happened.
            .await?;
        Ok(paid)
    }

    /// Nobody can ask whether a mail was sent.
    #[command(timeout = "50ms", backoff = "5ms")]
    async fn remind(&self, ctx: &Context) -> Result<u32, Failure> {
        ctx.once("mail", || self.bank.mail()).await
    }

    /// To send it twice does no harm.
    #[command(timeout = "50ms", backoff = "5ms")]
    async fn nudge(&self, ctx: &Context) -> Result<u32, Failure> {
        ctx.once("mail", || self.bank.mail()).idempotent().await
    }
}

async fn begin() -> (RunningTest, BillingClient, Arc<Bank>) {
    let billing = Billing::default();
    let bank = billing.bank.clone();
    let app = TestApp::new().service(billing).start().await.unwrap();
    let client = app.client();
    (app, client, bank)
}

#[tokio::test]
async fn a_bank_that_is_busy_is_asked_again() {
    let (app, billing, _) = begin().await;
    let job = billing.charge("Ann".to_owned(), 1).send().await.unwrap();
    assert_eq!(job.result().await.unwrap(), "Ann paid 1");
    let status = job.status().await.unwrap().unwrap();
    assert_eq!((status.state, status.attempt), (JobState::Succeeded, 2));
    app.stop().await.unwrap();
}

#[tokio::test]
async fn what_has_failed_is_a_dead_letter_and_comes_back() {
    let (app, billing, bank) = begin().await;
    let client = app.running().client();
    let job = billing.charge("Bob".to_owned(), 0).send().await.unwrap();
    let error = job.result().await.unwrap_err();
    assert!(error.to_string().contains("NO_ACCOUNT"), "{error}");
    let letter = loop {
        let letters = client.dead_letters().list(10).await.unwrap();
        if let Some(letter) = letters.into_iter().next() {
            break letter;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((letter.id.as_str(), letter.attempts), (job.id(), 1));

    *bank.knows.lock().unwrap() = true; // The reason is gone.
    bring_back(client).await.unwrap();
    assert_eq!(job.result().await.unwrap(), "Bob paid 0");
    assert!(client.dead_letters().list(10).await.unwrap().is_empty());
    app.stop().await.unwrap();
}

/// Everything that failed, once more.
async fn bring_back(client: &Client) -> Result<()> {
    for job in client.jobs().state(JobState::Failed).list(100).await? {
        client.command(&job.id).retry().await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_error_of_a_type_reaches_whoever_waits() {
    let (app, billing, _) = begin().await;
    let job = billing.reserve("fx".to_owned(), 900).send().await.unwrap();
    match job.result().within(Duration::from_secs(20)).await {
        Ok(left) => panic!("{left} are left"),
        Err(CallError::Service(LimitError::Reached { left, .. })) => assert_eq!(left, 500),
        Err(CallError::Failed(error)) => panic!("{error}"),
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_payment_whose_answer_was_lost_is_made_once() {
    let (app, billing, bank) = begin().await;
    let job = billing.pay().send().await.unwrap();
    let paid = job.result().await.unwrap();
    assert_eq!(*bank.payments.lock().unwrap(), [paid]);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn what_may_have_happened_is_left_to_a_person_unless_twice_does_no_harm() {
    let (app, billing, bank) = begin().await;
    let job = billing.remind().send().await.unwrap();
    let error = job.result().await.unwrap_err();
    assert!(error.to_string().contains("MAYBE_EXECUTED"), "{error}");
    assert_eq!(*bank.mails.lock().unwrap(), 1);
    *bank.mails.lock().unwrap() = 0;
    let job = billing.nudge().send().await.unwrap();
    assert_eq!(job.result().await.unwrap(), 2);
    app.stop().await.unwrap();
}

/// Whoever says it again, such as this program after a crash, gets the same job.
async fn bill(billing: &BillingClient, order: u64, cents: u64) -> Result<String> {
    let charge = billing.charge("Ann".to_owned(), cents);
    let key = format!("order-{order}");
    let job = charge.idempotency_key(&key).send().await?;
    Ok(job.id().to_owned())
}

/// Tomorrow.
async fn later(client: &Client) -> Result<JobStatus> {
    let billing = BillingClient::new(client);
    let charge = billing.charge("Ann".to_owned(), 990);
    let job = charge.delay(Duration::from_secs(24 * 3600)).send().await?;
    job.cancel().await // Or not.
}

#[tokio::test]
async fn a_key_names_one_job_and_what_waits_can_be_cancelled() {
    let (app, billing, _) = begin().await;
    let client = app.running().client();
    let id = bill(&billing, 7, 500).await.unwrap();
    assert_eq!(bill(&billing, 7, 500).await.unwrap(), id);
    assert_ne!(bill(&billing, 8, 500).await.unwrap(), id);
    let status = later(client).await.unwrap();
    assert_eq!((status.state, status.attempt), (JobState::Cancelled, 0));
    app.stop().await.unwrap();
}

/// Without the types of the service.
async fn by_name(client: &Client) -> Result<String> {
    let params = serde_json::json!({"customer": "Ann", "cents": 990});
    let command = client.new_command("billing", "charge", &params);
    let job = command.priority(Priority::High).send().await?;
    Ok(job.id().to_owned())
}

#[tokio::test]
async fn a_command_by_its_name_and_one_that_nobody_serves() {
    let (app, _, _) = begin().await;
    let client = app.running().client();
    let id = by_name(client).await.unwrap();
    let result = client.command(&id).result().await.unwrap();
    assert_eq!(result, "Ann paid 990");
    let nothing = serde_json::json!({});
    let unknown = client.new_command("billing", "change", &nothing).send();
    let error = unknown.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("charge"), "{error}");
    app.stop().await.unwrap();
}
