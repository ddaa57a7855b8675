//! A service for events and its tests, as `docs/guide/events.md` shows them.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis::ErrorKind;
use aegis::prelude::*;
use aegis::testing::{RunningTest, TestApp};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

#[derive(Debug, Clone, Serialize, Deserialize, aegis::Event)]
#[event("orders.filled")]
struct OrderFilled {
    order: u64,
    cents: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, aegis::Event)]
#[event("invoices.written")]
struct InvoiceWritten {
    order: u64,
}

/// Whatever else there is: events of later versions of this program do not end here.
#[derive(Debug, aegis::Events)]
enum InvoiceEvent {
    Written(InvoiceWritten),
    #[events(other)]
    Other(AnyEvent),
}

enum BankError {
    Busy { again: Duration },
    NoAccount,
}

/// A bank that does what the amount says.
#[derive(Default)]
struct Bank {
    asked: Mutex<Vec<u64>>,
}

impl Bank {
    fn charge(&self, event: &OrderFilled) -> Result<(), BankError> {
        let mut asked = self.asked.lock().unwrap();
        asked.push(event.order);
        let times = asked.iter().filter(|order| **order == event.order).count();
        let again = Duration::from_millis(5);
        match event.cents {
            0 => Err(BankError::NoAccount),
            1 if times == 1 => Err(BankError::Busy { again }),
            _ => Ok(()),
        }
    }
}

struct Billing {
    bank: Arc<Bank>,
    seen: watch::Sender<Vec<String>>,
}

#[aegis::service(name = "billing", version = "1.0.0")]
impl Billing {
    #[subscribe(
        mode = "compete",
        start = "all",
        retries = 8,
        backoff(first = "500ms", max = "30s"),
        concurrency = 16
    )]
    async fn charge(&self, ctx: &Context, event: OrderFilled) -> Result<(), Failure> {
        match self.bank.charge(&event) {
            Ok(()) => {}
            Err(BankError::Busy { again }) => {
                let failure = Failure::new("BANK_BUSY", "the bank has no time now");
                return Err(failure.retry_after(again));
            }
            Err(BankError::NoAccount) => {
                let failure = Failure::new("NO_ACCOUNT", "the customer has no account");
                return Err(failure.terminal());
            }
        }
        let order = event.order;
        let id = format!("invoice-{order}");
        ctx.publish(&InvoiceWritten { order }).id(&id).await?;
        Ok(())
    }

    #[subscribe("invoices.>", mode = "broadcast")]
    async fn show(&self, event: InvoiceEvent) -> Result<(), Failure> {
        let line = match event {
            InvoiceEvent::Written(invoice) => format!("invoice of {}", invoice.order),
            InvoiceEvent::Other(event) => format!("{} by {:?}", event.name(), event.source()),
        };
        self.seen.send_modify(|seen| seen.push(line));
        Ok(())
    }
}

async fn begin() -> (RunningTest, watch::Receiver<Vec<String>>) {
    let (seen, shown) = watch::channel(Vec::new());
    let bank = Arc::new(Bank::default());
    let app = TestApp::new().service(Billing { bank, seen });
    (app.start().await.unwrap(), shown)
}

#[tokio::test]
async fn a_filled_order_is_charged_and_an_invoice_is_written() {
    let (app, mut shown) = begin().await;
    let client = app.running().client();
    for (order, cents) in [(7, 990), (8, 1)] {
        let event = OrderFilled { order, cents };
        client.publish(&event).await.unwrap();
    }
    // It waits for what the handlers do, and never for a time.
    let both = shown.wait_for(|seen| seen.len() == 2).await.unwrap();
    let mut both = both.clone();
    both.sort();
    assert_eq!(both, ["invoice of 7", "invoice of 8"]);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_customer_without_an_account_is_no_case_for_another_attempt() {
    let (app, _shown) = begin().await;
    let client = app.running().client();
    let mut events = client.observe("orders.filled").all().open().await.unwrap();
    let event = OrderFilled { order: 9, cents: 0 };
    client.publish(&event).await.unwrap();
    // Whoever looks on sees it as well, and leaves no trace.
    let seen = events.next().await.unwrap().unwrap();
    assert_eq!(seen.decode::<OrderFilled>().unwrap().order, 9);
    let letters = loop {
        let letters = client.dead_letters().list(10).await.unwrap();
        if !letters.is_empty() {
            break letters;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(
        (letters[0].code.as_str(), letters[0].attempts),
        ("NO_ACCOUNT", 1)
    );
    app.stop().await.unwrap();
}

#[tokio::test]
async fn what_later_versions_say_is_shown_as_well() {
    let (app, mut shown) = begin().await;
    let client = app.running().client();
    let payload = serde_json::json!({"order": 7, "reason": "returned"});
    client
        .publish_as("invoices.cancelled", &payload)
        .await
        .unwrap();
    let seen = shown.wait_for(|seen| !seen.is_empty()).await.unwrap();
    assert_eq!(*seen, ["invoices.cancelled by Some(\"billing\")"]);
    drop(seen);
    app.stop().await.unwrap();
}

/// Whoever says it again, such as this program after a crash, says it under the same id.
async fn say(client: &Client, event: &OrderFilled) -> Result<bool> {
    let id = format!("order-{}-filled", event.order);
    let publish = client.publish(event).id(&id);
    let published = publish.within(Duration::from_secs(2)).await?;
    Ok(!published.is_duplicate())
}

/// What the leader says: nobody hears it of a leader of the past.
async fn say_as_leader(client: &Client, event: &OrderFilled, leader: &Leadership) -> Result<()> {
    client.publish(event).fenced(leader).await?;
    Ok(())
}

/// What was said before, from the beginning of the stream on.
async fn replay(client: &Client) -> Result<u64> {
    let mut events = client.observe("orders.filled").all().open().await?;
    let mut cents = 0;
    while let Some(event) = events.next().await {
        let payload = event?.payload().unwrap_or_default();
        cents += payload["cents"].as_u64().unwrap_or_default();
        if payload["order"] == 2 {
            break; // Else it waits for the next one.
        }
    }
    Ok(cents)
}

#[tokio::test]
async fn an_id_is_stored_once_and_a_leader_of_the_past_says_nothing() {
    let (app, _shown) = begin().await;
    let client = app.running().client();
    let event = |order| OrderFilled { order, cents: 500 };
    assert!(say(client, &event(1)).await.unwrap());
    assert!(!say(client, &event(1)).await.unwrap());
    let old = aegis::testing::leadership("billing", "main", 5).unwrap();
    let new = aegis::testing::leadership("billing", "main", 6).unwrap();
    say_as_leader(client, &event(2), &new).await.unwrap();
    let refused = say_as_leader(client, &event(3), &old).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotActive);
    assert_eq!(replay(client).await.unwrap(), 1000);
    app.stop().await.unwrap();
}
