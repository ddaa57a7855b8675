//! Events from a publisher to handlers, in memory and on a server: who gets them, how often, and
//! what becomes of those that cannot be handled.

#[path = "events/anew.rs"]
mod anew;
#[path = "events/healing.rs"]
mod healing;
#[path = "events/letters.rs"]
mod letters;
#[path = "events/modes.rs"]
mod modes;
#[path = "events/naming.rs"]
mod naming;
#[path = "events/observing.rs"]
mod observing;
#[path = "events/places.rs"]
mod places;
#[path = "events/publishing.rs"]
mod publishing;
#[path = "events/settling.rs"]
mod settling;
#[path = "events/takeover.rs"]
mod takeover;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::{RunningTest, TestApp};
use aegis_tests::{eventually, shared_server, unique_prefix};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, aegis::Event)]
#[event("orders.created")]
struct Created {
    id: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, aegis::Event)]
#[event("orders.paid", version = "2.0")]
struct Paid {
    id: u32,
}

/// What handlers saw, in order: who, and what.
#[derive(Debug, Clone, Default)]
struct Seen(Arc<Mutex<Vec<(String, String)>>>);

impl Seen {
    fn note<T: ToString + ?Sized>(&self, who: &str, what: &T) {
        let what = what.to_string();
        self.0.lock().unwrap().push((who.to_owned(), what));
    }

    fn of(&self, who: &str) -> Vec<String> {
        let all = self.0.lock().unwrap();
        let own = all.iter().filter(|(by, _)| by == who);
        own.map(|(_, what)| what.clone()).collect()
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Waits until somebody has seen so many.
    async fn until(&self, who: &str, count: usize) -> Vec<String> {
        let what = format!("{count} events for {who}");
        eventually(&what, async || self.of(who).len() >= count).await;
        self.of(who)
    }
}

/// Where a test runs: in memory, and on a server, under names that nobody else uses.
#[derive(Debug, Clone)]
struct Ground {
    name: &'static str,
    url: String,
    prefix: String,
}

impl Ground {
    async fn both() -> [Self; 2] {
        let prefix = unique_prefix();
        let memory = format!("memory://{prefix}");
        [("memory", memory), ("nats", shared_server().await)].map(|(name, url)| Self {
            name,
            url,
            prefix: prefix.clone(),
        })
    }

    fn app(&self) -> TestApp {
        let (url, prefix) = (self.url.clone(), self.prefix.clone());
        TestApp::new().configure(move |config| {
            let config = config.url(&url).subject_prefix(&prefix);
            config.events_max_bytes(16 << 20).dead_max_bytes(16 << 20)
        })
    }

    fn instance(&self, id: &str) -> TestApp {
        let id = id.to_owned();
        self.app().configure(move |config| config.instance_id(&id))
    }
}

/// A client of a program that runs.
fn client(app: &RunningTest) -> Client {
    app.running().client().clone()
}

const MOMENT: Duration = Duration::from_millis(50);
