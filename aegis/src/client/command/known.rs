//! Whether anybody has ever served a command.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::super::core::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{MethodName, ServiceName, handler_place};

/// Commands that are remembered; beyond, it is asked again.
const MOST: usize = 1024;
/// Names that an error lists.
const SHOWN: usize = 10;

/// Commands that somebody serves, or did: `{service}__{command}`.
#[derive(Debug, Default)]
pub(in super::super) struct Known(Mutex<HashSet<String>>);

impl Known {
    fn has(&self, place: &str) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(place)
    }

    fn add(&self, place: String) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MOST {
            all.insert(place);
        }
    }
}

/// Errors: `Invalid` if nobody has, with the commands that there are.
pub(super) async fn check(
    client: &Client,
    service: &ServiceName,
    command: &MethodName,
    deadline: Instant,
) -> Result<()> {
    let place = handler_place(service.as_str(), command.as_str());
    if client.shared.commands.has(&place) {
        return Ok(());
    }
    let stream = client.layout().stream("COMMANDS");
    let before = handler_place(service.as_str(), "");
    let own = |name: &str| name.starts_with(&before);
    let all = match client.streams().consumers(&stream, &own, deadline).await {
        Ok(all) => all,
        Err(error) if error.kind() == ErrorKind::NoService => {
            // Without the stream nobody ever served any; without JetStream there is nothing at all.
            client.streams().probe(deadline).await?;
            Vec::new()
        }
        Err(error) => return Err(error),
    };
    let mut found: Vec<&str> = all
        .iter()
        .filter_map(|consumer| consumer.name.strip_prefix(&before))
        .filter_map(|rest| rest.rsplit_once("__").map(|(command, _)| command))
        .collect();
    found.sort_unstable();
    found.dedup();
    if found.contains(&command.as_str()) {
        client.shared.commands.add(place);
        return Ok(());
    }
    Err(unknown(service, command, &found))
}

fn unknown(service: &ServiceName, command: &MethodName, found: &[&str]) -> Error {
    let text = if found.is_empty() {
        format!(
            "no instance of {service} has served commands yet: is its name right? Start it once, \
             or send it unchecked, and it waits for the first one"
        )
    } else {
        let shown = found.iter().take(SHOWN).copied().collect::<Vec<_>>();
        format!(
            "{service} has no command {command}; it has {}",
            shown.join(", ")
        )
    };
    Error::new(ErrorKind::Invalid, text)
}
