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
use aegis_tests::eventually;

use crate::ground::{Ground, Seen, client};
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

const MOMENT: Duration = Duration::from_millis(50);
