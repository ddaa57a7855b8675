//! Removes records of instances that are not there any more: each only if it is still the one that
//! was judged.

use aegis::{Client, ErrorKind};
use serde::Serialize;

use super::facts::Facts;
use super::roster;

/// What became of one record.
#[derive(Debug, Serialize)]
pub(super) struct Cleaned {
    service: String,
    instance: String,
    removed: bool,
    /// Why it stays, if it does.
    why: Option<String>,
}

impl Cleaned {
    pub(super) fn line(&self) -> String {
        let name = crate::out::plain(&format!("{}/{}", self.service, self.instance));
        match &self.why {
            None => format!("removed the record of {name}"),
            Some(why) => format!("the record of {name} stays: {why}"),
        }
    }
}

pub(super) async fn clean(client: &Client, facts: &Facts) -> aegis::Result<Vec<Cleaned>> {
    let stale = roster::stale(facts);
    if stale.is_empty() {
        return Ok(Vec::new());
    }
    let found = client.bucket("service_registry").find_bytes().await?;
    let Some(bucket) = found else {
        return Ok(Vec::new());
    };
    let mut cleaned = Vec::new();
    for record in stale {
        let removed = bucket.purge(&record.key).revision(record.revision).await;
        let why = match removed {
            Ok(()) => None,
            Err(error) if error.kind() == ErrorKind::Conflict => {
                Some("it was heard again meanwhile, or is gone".to_owned())
            }
            Err(error) => Some(error.to_string()),
        };
        cleaned.push(Cleaned {
            service: record.instance.service.clone(),
            instance: record.instance.id.clone(),
            removed: why.is_none(),
            why,
        });
    }
    Ok(cleaned)
}
