//! The questions of NATS micro (ADR-32): who is there?

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use tokio::time::Instant;

use super::core::Client;
use crate::error::{ErrorKind, Result};
use crate::model::{Pattern, Subject, header};
use crate::port::Outgoing;

/// Answers kept at most.
const MOST_ANSWERS: usize = 10_000;
/// A refusal comes within this time.
const REFUSAL: Duration = Duration::from_millis(500);
/// The longest time answers are collected.
const LONGEST: Duration = Duration::from_secs(3600);

/// One instance of a service, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceInfo {
    /// The service's name.
    pub name: String,
    /// The instance.
    pub id: String,
    /// The service's version.
    pub version: String,
    /// What the service is for.
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    /// What the service says about itself beyond that.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: BTreeMap<String, String>,
    /// Its methods.
    #[serde(default, deserialize_with = "or_default")]
    pub endpoints: Vec<EndpointInfo>,
}

/// One method of a service, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointInfo {
    /// The method's name.
    pub name: String,
    /// Where it is called.
    pub subject: String,
    /// Which group shares its calls.
    #[serde(default, deserialize_with = "or_default")]
    pub queue_group: String,
    /// Kind, deadline, and what else is known of it.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: BTreeMap<String, String>,
}

/// Other libraries write `null` for what they do not have: one such answer must not be lost.
fn or_default<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    Option::deserialize(from).map(Option::unwrap_or_default)
}

impl Client {
    /// Asks every service on this bus what it is (`$SRV.INFO`), and collects the answers that come
    /// within the given time (an hour at most); sorted by name and instance.
    pub async fn services(&self, within: Duration) -> Result<Vec<ServiceInfo>> {
        let answers = self
            .ask_all(&self.layout().micro_all("INFO"), within)
            .await?;
        let infos = answers
            .iter()
            .filter_map(|answer| serde_json::from_slice(answer).ok());
        let mut infos: Vec<ServiceInfo> = infos.collect();
        infos.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        Ok(infos)
    }

    async fn ask_all(&self, subject: &Subject, within: Duration) -> Result<Vec<Bytes>> {
        let deadline = Instant::now() + within.min(LONGEST);
        let bus = self.bus();
        let inbox = bus.reply_to(&bus.new_call());
        let mut answers = bus.subscribe(Pattern::trusted(inbox.clone()), None).await?;
        let question = Outgoing::new(subject.clone(), Bytes::new());
        bus.publish(question.with_reply(Subject::trusted(inbox)))
            .await?;
        let mut collected = Vec::new();
        while collected.len() < MOST_ANSWERS {
            match tokio::time::timeout_at(deadline, answers.next()).await {
                Ok(Some(answer)) if answer.headers.get(header::STATUS).is_some() => break,
                Ok(Some(answer)) => collected.push(answer.payload),
                Ok(None) | Err(_) => break,
            }
        }
        if collected.is_empty() {
            self.may_ask(subject).await?;
        }
        Ok(collected)
    }

    /// Nobody answered: tells "nobody is there" from "we may not ask".
    async fn may_ask(&self, subject: &Subject) -> Result<()> {
        let bus = self.bus();
        let question = Outgoing::new(subject.clone(), Bytes::new());
        let until = Instant::now() + REFUSAL;
        match bus.request(question, &bus.new_call(), until).await {
            Err(error) if matches!(error.kind(), ErrorKind::Denied | ErrorKind::Disconnected) => {
                Err(error)
            }
            _ => Ok(()),
        }
    }
}
