//! With which event a handler begins, and where it goes on after it was away.

use super::*;

struct Reader {
    seen: Seen,
}

#[aegis::service(name = "reader", version = "1.0.0")]
impl Reader {
    #[subscribe(mode = "compete")]
    async fn fresh(&self, event: Created) -> Result<(), Failure> {
        self.seen.note("fresh", &event.id);
        Ok(())
    }

    #[subscribe(mode = "compete", start = "all")]
    async fn past(&self, event: Created) -> Result<(), Failure> {
        self.seen.note("past", &event.id);
        Ok(())
    }

    #[subscribe(mode = "broadcast")]
    async fn there(&self, event: Created) -> Result<(), Failure> {
        self.seen.note("there", &event.id);
        Ok(())
    }

    #[subscribe(mode = "broadcast", durable)]
    async fn back(&self, event: Created) -> Result<(), Failure> {
        self.seen.note("back", &event.id);
        Ok(())
    }
}

#[tokio::test]
async fn a_handler_begins_where_it_says_and_goes_on_where_it_was() {
    for ground in Ground::both().await {
        let config = aegis::Config::default().url(&ground.url);
        let client = Client::connect(config.subject_prefix(&ground.prefix));
        let client = client.await.unwrap();
        let publish = async |id| client.publish(&Created { id }).await.unwrap();
        let seen = Seen::default();
        publish(0).await;
        publish(1).await;
        for (now, away) in [(2, 3), (4, 5)] {
            let reader = Reader { seen: seen.clone() };
            // The place of an instance has its id.
            let app = ground.instance("reader-1").service(reader);
            let app = app.start().await.unwrap();
            publish(now).await;
            for handler in ["fresh", "past", "there", "back"] {
                let heard = async || seen.of(handler).contains(&now.to_string());
                eventually(&format!("{now} for {handler}"), heard).await;
            }
            app.stop().await.unwrap();
            publish(away).await;
        }
        for (handler, expected) in [
            ("fresh", "2 3 4"),
            ("past", "0 1 2 3 4"),
            ("there", "2 4"),
            ("back", "2 3 4"),
        ] {
            let mut heard = seen.of(handler);
            heard.sort();
            assert_eq!(heard.join(" "), expected, "{} {handler}", ground.name);
        }
    }
}
