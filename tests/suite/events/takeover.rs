//! What happens to the events of an exclusive handler when its leader changes.

use tokio::sync::Semaphore;

use super::*;

/// Works slowly: one event for each permit.
struct Ledger {
    seen: Seen,
    name: &'static str,
    pace: Arc<Semaphore>,
}

#[aegis::service(name = "ledger", version = "1.0.0", failover = "aggressive")]
impl Ledger {
    #[subscribe(mode = "exclusive", ack_wait = "30s", retries = 9, backoff = "10ms")]
    async fn book(&self, leader: &Leadership, event: Created) -> Result<(), Failure> {
        if let Ok(permit) = self.pace.acquire().await {
            permit.forget();
        }
        leader.ensure()?;
        self.seen.note("book", &event.id);
        self.seen.note(self.name, &event.id);
        Ok(())
    }
}

async fn start(ground: &Ground, seen: &Seen, name: &'static str) -> (RunningTest, Arc<Semaphore>) {
    let pace = Arc::new(Semaphore::new(0));
    let ledger = Ledger {
        seen: seen.clone(),
        name,
        pace: pace.clone(),
    };
    let app = ground.instance(name).service(ledger);
    // What waits for a permit then is handed back.
    let app = app.configure(|config| config.drain_timeout(Duration::from_millis(300)));
    (app.start().await.unwrap(), pace)
}

async fn leads(client: &Client, name: &str) {
    let is_leader = async || {
        let leader = client.leader("ledger", "main").await.ok().flatten();
        leader.is_some_and(|leader| leader.instance == name && !leader.released)
    };
    eventually(&format!("{name} leads"), is_leader).await;
}

#[tokio::test]
async fn the_next_leader_goes_on_in_order_where_the_last_one_ended() {
    for ground in Ground::both().await {
        for crash in [false, true] {
            let ground = Ground {
                prefix: format!("{}{crash}", ground.prefix),
                ..ground.clone()
            };
            let seen = Seen::default();
            let (first, slow) = start(&ground, &seen, "ledger-1").await;
            leads(&client(&first), "ledger-1").await;
            let (second, quick) = start(&ground, &seen, "ledger-2").await;
            let client = client(&second);
            let events: Vec<Created> = (0..30).map(|id| Created { id }).collect();
            client.publish_all(&events).await.all().unwrap();
            slow.add_permits(10);
            seen.until("ledger-1", 10).await;
            quick.add_permits(100);
            if crash {
                drop(first);
            } else {
                // What runs may be finished first.
                slow.add_permits(1);
                first.stop().await.unwrap();
            }
            let booked = seen.until("book", 30).await;
            let expected: Vec<String> = (0..30).map(|id| id.to_string()).collect();
            assert_eq!(booked, expected, "{} crash: {crash}", ground.name);
            assert!(!seen.of("ledger-2").is_empty());
            second.stop().await.unwrap();
        }
    }
}
