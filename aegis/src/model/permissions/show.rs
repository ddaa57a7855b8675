//! How permissions look: as configuration of a nats-server, and as JSON.

use std::fmt;

use serde_json::{Value, json};

use super::Permissions;
use super::list::Grant;

impl Permissions {
    /// As they stand in the JWT of a NATS user (`nats.pub`, `nats.sub`, `nats.resp`), without reasons.
    pub fn to_json(&self) -> Value {
        let mut all = json!({
            "pub": allow(&self.publish()),
            "sub": allow(&self.subscribe()),
        });
        if let Some(within) = self.responses() {
            let nanoseconds = u64::try_from(within.as_nanos()).unwrap_or(u64::MAX);
            all["resp"] = json!({"max": 1, "ttl": nanoseconds});
        }
        all
    }
}

fn allow(grants: &[Grant]) -> Value {
    if grants.is_empty() {
        // An empty list would allow everything.
        return json!({"deny": [">"]});
    }
    let subjects: Vec<&str> = grants.iter().map(|one| one.subject.as_str()).collect();
    json!({"allow": subjects})
}

impl fmt::Display for Permissions {
    /// As configuration of a nats-server, with reasons: to be pasted into a user, behind his password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "permissions {{")?;
        list(f, "subscribe", &self.subscribe())?;
        list(f, "publish", &self.publish())?;
        if let Some(within) = self.responses() {
            writeln!(f, "  # to answer what it was asked, each question once")?;
            let seconds = within.as_secs() + u64::from(within.subsec_nanos() > 0);
            writeln!(f, "  allow_responses: {{max: 1, expires: \"{seconds}s\"}}")?;
        }
        write!(f, "}}")
    }
}

fn list(f: &mut fmt::Formatter<'_>, name: &str, grants: &[Grant]) -> fmt::Result {
    if grants.is_empty() {
        return writeln!(f, "  {name}: {{deny: \">\"}}");
    }
    writeln!(f, "  {name}: [")?;
    let mut why = "";
    for grant in grants {
        if grant.why != why {
            writeln!(f, "    # {}", grant.why)?;
            why = &grant.why;
        }
        writeln!(f, "    \"{}\"", grant.subject)?;
    }
    writeln!(f, "  ]")
}
