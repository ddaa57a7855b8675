//! A service for events, which gives up as long as it is broken.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use aegis::prelude::*;
use aegis::testing::{RunningTest, TestApp};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize, aegis::Event)]
#[event("orders.created")]
pub(crate) struct Created {
    id: String,
}

#[derive(Clone, Default)]
pub(crate) struct Billing {
    pub(crate) works: Arc<AtomicBool>,
    pub(crate) billed: Arc<Mutex<Vec<String>>>,
}

#[aegis::service(name = "billing", version = "1.0.0")]
impl Billing {
    #[rpc]
    async fn total(&self) -> Result<usize, Failure> {
        Ok(self.billed.lock().unwrap().len())
    }

    /// Bills an order.
    #[subscribe(mode = "compete")]
    async fn bill(&self, event: Created) -> Result<(), Failure> {
        self.done()?;
        self.billed.lock().unwrap().push(event.id);
        Ok(())
    }

    #[subscribe("audit.*", mode = "compete")]
    async fn note(&self, event: AnyEvent) -> Result<(), Failure> {
        let _ = event;
        self.done()
    }
}

impl Billing {
    fn done(&self) -> Result<(), Failure> {
        if self.works.load(Ordering::SeqCst) {
            return Ok(());
        }
        Err(Failure::new("NO_STOCK", "there is\nno chair").terminal())
    }
}

/// The same service in a later version: `bill` is called `charge`.
pub(crate) struct Renamed(pub(crate) Billing);

#[aegis::service(name = "billing", version = "2.0.0")]
impl Renamed {
    #[subscribe(mode = "compete")]
    async fn charge(&self, event: Created) -> Result<(), Failure> {
        self.0.billed.lock().unwrap().push(event.id);
        Ok(())
    }

    #[subscribe("audit.*", mode = "compete")]
    async fn note(&self, event: AnyEvent) -> Result<(), Failure> {
        let _ = event;
        Ok(())
    }
}

pub(crate) async fn renamed(url: &str, service: Billing) -> RunningTest {
    let app = TestApp::new().on_nats(url);
    app.service(Renamed(service)).start().await.unwrap()
}

pub(crate) async fn billing(url: &str, service: Billing) -> RunningTest {
    let app = TestApp::new().on_nats(url);
    let app = app.configure(|config| config.instance_id("one"));
    app.service(service).start().await.unwrap()
}
