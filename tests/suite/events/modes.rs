//! Who gets an event: one of many, each of them, or the leader.

use std::collections::BTreeSet;

use super::*;

struct Desk {
    seen: Seen,
    name: &'static str,
}

#[aegis::service(name = "desk", version = "1.0.0", failover = "aggressive")]
impl Desk {
    #[subscribe(mode = "compete")]
    async fn share(&self, event: Created) -> Result<(), Failure> {
        self.seen
            .note("share", &format!("{} {}", self.name, event.id));
        Ok(())
    }

    #[subscribe("orders.*", mode = "broadcast")]
    async fn everybody(&self, event: AnyEvent) -> Result<(), Failure> {
        let who = format!("everybody {}", self.name);
        self.seen.note(&who, event.name());
        Ok(())
    }

    #[subscribe("orders.>", mode = "exclusive")]
    async fn ledger(&self, leader: &Leadership, event: AnyEvent) -> Result<(), Failure> {
        leader.ensure()?;
        let id = event.payload()?["id"].to_string();
        self.seen.note("ledger", &id);
        Ok(())
    }
}

#[tokio::test]
async fn one_of_many_each_of_them_or_the_leader() {
    for ground in Ground::both().await {
        let seen = Seen::default();
        let mut apps = Vec::new();
        for name in ["a", "b", "c"] {
            let desk = Desk {
                seen: seen.clone(),
                name,
            };
            let app = ground.instance(&format!("desk-{name}")).service(desk);
            apps.push(app.start().await.unwrap());
        }
        let client = client(&apps[0]);
        let events: Vec<Created> = (0..60).map(|id| Created { id }).collect();
        client.publish_all(&events).await.all().unwrap();
        client.publish(&Paid { id: 60 }).await.unwrap();

        let shared = seen.until("share", 60).await;
        let ids: BTreeSet<&str> = shared.iter().map(|one| &one[2..]).collect();
        assert_eq!((ids.len(), shared.len()), (60, 60), "{}", ground.name);
        for name in ["a", "b", "c"] {
            let all = seen.until(&format!("everybody {name}"), 61).await;
            assert_eq!(all.len(), 61, "{} {name}", ground.name);
            assert_eq!(all.iter().filter(|name| *name == "orders.paid").count(), 1);
        }
        let ledger = seen.until("ledger", 61).await;
        let expected: Vec<String> = (0..=60).map(|id| id.to_string()).collect();
        assert_eq!(ledger, expected, "{}: in order, each once", ground.name);
        for app in apps {
            app.stop().await.unwrap();
        }
        assert_eq!(seen.len(), 60 + 3 * 61 + 61, "{}", ground.name);
    }
}
