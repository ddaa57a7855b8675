//! Consumers of a stream: made or changed, listed, removed.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

use super::super::api::code;
use super::consumer::{ConsumerInfo, NatsConsumer, asked};
use super::failure;
use super::fetch::Desk;
use super::streams::NatsStreams;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ConsumerSpec, ConsumerStatus, DeliverFrom, StreamSpec};
use crate::observe;
use crate::port::{Consumer, Wanted};

/// Others make, change or remove the consumer meanwhile: so often it is looked at again.
const LOOKS: usize = 8;

/// A page of the list of consumers.
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    total: usize,
    #[serde(default)]
    consumers: Option<Vec<ConsumerInfo>>,
    /// Of a cluster: whose leaders did not answer.
    #[serde(default)]
    missing: Option<Vec<String>>,
}

impl NatsStreams {
    pub(super) async fn durable(
        &self,
        stream: &str,
        spec: ConsumerSpec,
        deadline: Instant,
    ) -> Result<Arc<dyn Consumer>> {
        StreamSpec::check_name(stream)?;
        spec.check()?;
        let mut drifted = Vec::new();
        for look in 0..LOOKS {
            if look > 1 {
                // Somebody else is at it too: not again at the same time.
                let pause = Duration::from_millis(observe::random() % 20);
                tokio::time::sleep(pause).await;
            }
            let Some(info) = self.consumer_info(stream, &spec.name, deadline).await? else {
                let config = new(&spec)?;
                self.change(stream, &spec, ("create", config), deadline)
                    .await?;
                continue;
            };
            let known = info.known()?;
            if let Some(why) = known.unfit() {
                return Err(unfit(stream, &spec.name, why));
            }
            let drift = spec.drift(&info.status()?).changeable;
            if drift.is_empty() && (!known.differs_beyond_drift(&spec) || look > 0) {
                let (api, settles) = (self.api.clone(), self.settles.clone());
                let desk = Desk::new(api.clone(), stream, &spec.name, settles.clone());
                return Ok(Arc::new(NatsConsumer {
                    api,
                    stream: stream.to_owned(),
                    name: spec.name,
                    limits: known.limits(),
                    settles,
                    desk: Arc::new(desk),
                }));
            }
            drifted = drift;
            let config = info.changed(&spec);
            self.change(stream, &spec, ("update", config), deadline)
                .await?;
        }
        Err(restless(stream, &spec.name, &drifted))
    }

    async fn consumer_info(
        &self,
        stream: &str,
        consumer: &str,
        deadline: Instant,
    ) -> Result<Option<ConsumerInfo>> {
        let what = format!("CONSUMER.INFO.{stream}.{consumer}");
        match self.api.ask(&what, &json!({}), deadline).await? {
            Ok(info) => Ok(Some(info)),
            Err(refusal) if refusal.err_code == code::CONSUMER_NOT_FOUND => Ok(None),
            Err(refusal) => Err(failure::of_consumer(stream, consumer, refusal)),
        }
    }

    /// Makes or changes a consumer; it is no error if somebody else was faster.
    async fn change(
        &self,
        stream: &str,
        spec: &ConsumerSpec,
        (action, config): (&str, Value),
        deadline: Instant,
    ) -> Result<()> {
        let name = &spec.name;
        let what = match spec.filters.as_slice() {
            // So it can be permitted by what it reads.
            [one] => format!("CONSUMER.CREATE.{stream}.{name}.{one}"),
            _ => format!("CONSUMER.CREATE.{stream}.{name}"),
        };
        let body = json!({"stream_name": stream, "config": config, "action": action});
        match self.api.ask::<ConsumerInfo>(&what, &body, deadline).await? {
            Ok(_) => Ok(()),
            Err(refusal) => match refusal.err_code {
                code::NO_CONSUMER_TO_CHANGE | code::CONSUMER_NOT_FOUND => Ok(()),
                exists if code::CONSUMER_EXISTS.contains(&exists) => Ok(()),
                _ => Err(failure::of_consumer(stream, name, refusal)),
            },
        }
    }

    pub(super) async fn list_consumers(
        &self,
        stream: &str,
        wanted: Wanted<'_>,
        deadline: Instant,
    ) -> Result<Vec<ConsumerStatus>> {
        StreamSpec::check_name(stream)?;
        let what = format!("CONSUMER.LIST.{stream}");
        let mut all: Vec<ConsumerStatus> = Vec::new();
        let mut seen = 0;
        loop {
            let body = json!({"offset": seen});
            let page = self.api.ask::<Page>(&what, &body, deadline).await?;
            let page = page.map_err(|refusal| failure::of_stream(stream, refusal))?;
            let mut missing = page.missing.unwrap_or_default();
            let mut found = page.consumers.unwrap_or_default();
            // Of one on a server that is known to be down there is an empty entry as well.
            found.retain(|info| !info.name.is_empty());
            let count = found.len() + missing.len();
            missing.retain(|name| wanted(name));
            if !missing.is_empty() {
                return Err(silent(stream, &missing));
            }
            for info in found.iter().filter(|info| wanted(&info.name)) {
                all.push(info.status()?);
            }
            seen += count;
            if count == 0 || seen >= page.total {
                break;
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all.dedup_by(|a, b| a.name == b.name);
        Ok(all)
    }

    pub(super) async fn forget(
        &self,
        stream: &str,
        consumer: &str,
        deadline: Instant,
    ) -> Result<bool> {
        StreamSpec::check_name(stream)?;
        ConsumerSpec::new(consumer).check()?;
        let what = format!("CONSUMER.DELETE.{stream}.{consumer}");
        match self.api.ask::<Value>(&what, &json!({}), deadline).await? {
            Ok(_) => Ok(true),
            Err(refusal) if refusal.err_code == code::CONSUMER_NOT_FOUND => Ok(false),
            Err(refusal) => Err(failure::of_consumer(stream, consumer, refusal)),
        }
    }
}

/// The configuration of a new consumer.
fn new(spec: &ConsumerSpec) -> Result<Value> {
    let mut config = json!({
        "name": spec.name,
        // Without it the server forgets a consumer that nobody reads from for five seconds.
        "durable_name": spec.name,
        "ack_policy": "explicit",
        "replay_policy": "instant",
    });
    asked(&mut config, spec);
    config["deliver_policy"] = match spec.from {
        DeliverFrom::New => "new",
        DeliverFrom::All => "all",
        DeliverFrom::Sequence(sequence) => {
            // The first sequence is 1.
            config["opt_start_seq"] = sequence.max(1).into();
            "by_start_sequence"
        }
        DeliverFrom::Time(time) => {
            let text = time.format(&Rfc3339).map_err(|cause| {
                let text = format!("the consumer {} cannot begin at {time}", spec.name);
                Error::new(ErrorKind::Invalid, text).because(cause)
            })?;
            config["opt_start_time"] = text.into();
            "by_start_time"
        }
    }
    .into();
    if spec.in_memory {
        config["mem_storage"] = true.into();
        config["num_replicas"] = 1.into();
    }
    Ok(config)
}

fn unfit(stream: &str, consumer: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::Config,
        format!(
            "the consumer {consumer} of the stream {stream} exists and is of another kind, which \
             cannot be changed: {why}; choose another name, or remove it (`nats consumer rm \
             {stream} {consumer}`), and where it was is lost"
        ),
    )
}

fn restless(stream: &str, consumer: &str, drifted: &[String]) -> Error {
    let text = if drifted.is_empty() {
        format!(
            "the consumer {consumer} of the stream {stream} is made and removed by others again \
             and again: find out who"
        )
    } else {
        format!(
            "the NATS server does not take over what is asked of the consumer {consumer} of the \
             stream {stream}: {}; upgrade it, or find out who asks for something else",
            drifted.join(", ")
        )
    };
    Error::new(ErrorKind::Config, text)
}

fn silent(stream: &str, missing: &[String]) -> Error {
    let text = format!(
        "the list of the consumers of the stream {stream} is not whole, as the leaders of these \
         did not answer: {}; ask again",
        missing.join(", ")
    );
    Error::new(ErrorKind::Timeout, text)
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;

    #[test]
    fn where_a_new_consumer_begins_is_said_as_the_server_says_it() {
        let time = OffsetDateTime::from_unix_timestamp_nanos(1_700_000_000_000_000_001).unwrap();
        for (from, policy, sequence, start) in [
            (DeliverFrom::New, "new", None, None),
            (DeliverFrom::All, "all", None, None),
            (DeliverFrom::Sequence(0), "by_start_sequence", Some(1), None),
            (DeliverFrom::Sequence(7), "by_start_sequence", Some(7), None),
            (
                DeliverFrom::Time(time),
                "by_start_time",
                None,
                Some("2023-11-14T22:13:20.000000001Z"),
            ),
        ] {
            let mut spec = ConsumerSpec::new("c");
            spec.from = from;
            let config = new(&spec).unwrap();
            assert_eq!(config["deliver_policy"], policy);
            let found = config.get("opt_start_seq").and_then(Value::as_u64);
            assert_eq!(found, sequence, "{from:?}");
            let found = config.get("opt_start_time").and_then(Value::as_str);
            assert_eq!(found, start, "{from:?}");
        }
    }

    #[test]
    fn a_consumer_is_durable_whether_on_disk_or_in_memory() {
        for (in_memory, expected) in [(false, Value::Null), (true, json!(true))] {
            let mut spec = ConsumerSpec::new("c");
            spec.in_memory = in_memory;
            let config = new(&spec).unwrap();
            assert_eq!(config["durable_name"], "c");
            assert_eq!(config["mem_storage"], expected);
            assert_eq!(config["inactive_threshold"], 0);
        }
    }
}
