//! The port `Consumer`, and what the server tells of one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::api::Api;
use super::super::stored::parse_time;
use super::settle::NatsSettle;
use super::{failure, fetch, pull};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ConsumerSpec, ConsumerStatus, DeliverFrom, Pattern};
use crate::port::{Consumer, Delivery, Pull};

/// What JetStream tells of a consumer.
#[derive(Debug, Deserialize)]
pub(super) struct ConsumerInfo {
    pub(super) name: String,
    created: String,
    config: Value,
    #[serde(default)]
    delivered: Reached,
    #[serde(default)]
    ack_floor: Reached,
    #[serde(default)]
    num_ack_pending: u64,
    #[serde(default)]
    num_redelivered: u64,
    #[serde(default)]
    num_pending: u64,
    #[serde(default)]
    num_waiting: u64,
}

#[derive(Debug, Default, Deserialize)]
struct Reached {
    #[serde(default)]
    consumer_seq: u64,
    stream_seq: u64,
}

/// The fields that we know; durations are nanoseconds.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Known {
    description: Option<String>,
    filter_subject: Option<String>,
    filter_subjects: Option<Vec<String>>,
    deliver_policy: String,
    opt_start_seq: u64,
    opt_start_time: Option<String>,
    ack_policy: String,
    deliver_subject: Option<String>,
    ack_wait: u64,
    max_ack_pending: i64,
    max_deliver: i64,
    inactive_threshold: u64,
    max_batch: u64,
    max_expires: u64,
}

/// How much one request may ask for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// So many messages.
    pub(super) batch: Option<u64>,
    /// For so long.
    pub(super) expires: Option<Duration>,
}

impl Limits {
    /// So many of these may one request ask for.
    fn most(self, count: usize) -> usize {
        let most = self.batch.and_then(|most| usize::try_from(most).ok());
        most.map_or(count, |most| count.min(most))
    }
}

impl ConsumerInfo {
    pub(super) fn known(&self) -> Result<Known> {
        Known::deserialize(&self.config).map_err(|cause| {
            let text = "the configuration of a consumer cannot be read: is this a NATS server?";
            Error::new(ErrorKind::Decode, text).because(cause)
        })
    }

    pub(super) fn status(&self) -> Result<ConsumerStatus> {
        let known = self.known()?;
        Ok(ConsumerStatus {
            name: self.name.clone(),
            ack_wait: Duration::from_nanos(known.ack_wait),
            // Below zero is no limit.
            max_ack_pending: u32::try_from(known.max_ack_pending).unwrap_or(u32::MAX),
            inactive_threshold: time(known.inactive_threshold),
            description: known.description.clone(),
            from: known.from()?,
            filters: known.filters(),
            delivered: self.delivered.stream_seq,
            ack_floor: self.ack_floor.stream_seq,
            deliveries: self
                .delivered
                .consumer_seq
                .saturating_sub(self.ack_floor.consumer_seq),
            ack_pending: self.num_ack_pending,
            redelivered: self.num_redelivered,
            pending: self.num_pending,
            waiting: self.num_waiting,
            created: parse_time(&self.created)?,
        })
    }

    /// The configuration with what was asked for. Where it begins stays, and what we do not know.
    pub(super) fn changed(self, spec: &ConsumerSpec) -> Value {
        let mut config = self.config;
        if let Some(fields) = config.as_object_mut() {
            fields.remove("filter_subject");
            fields.remove("filter_subjects");
            // It would stand before the ack wait.
            fields.remove("backoff");
        }
        asked(&mut config, spec);
        config
    }
}

impl Known {
    fn from(&self) -> Result<DeliverFrom> {
        Ok(match self.deliver_policy.as_str() {
            "all" => DeliverFrom::All,
            "by_start_sequence" => DeliverFrom::Sequence(self.opt_start_seq),
            "by_start_time" => {
                let time = self.opt_start_time.as_deref().unwrap_or_default();
                DeliverFrom::Time(parse_time(time)?)
            }
            _ => DeliverFrom::New,
        })
    }

    fn filters(self) -> Vec<String> {
        let one = self.filter_subject.filter(|filter| !filter.is_empty());
        let mut filters: Vec<String> = one.into_iter().collect();
        filters.extend(self.filter_subjects.unwrap_or_default());
        filters
    }

    /// Why one that exists cannot be read from as we do; it cannot be changed either.
    pub(super) fn unfit(&self) -> Option<&'static str> {
        if self
            .deliver_subject
            .as_ref()
            .is_some_and(|it| !it.is_empty())
        {
            Some("it pushes (`deliver_subject`)")
        } else if self.ack_policy != "explicit" {
            Some("its messages are not acknowledged one by one (`ack_policy`)")
        } else {
            None
        }
    }

    /// Whether a message may be given up, or is described otherwise: nothing that `drift` tells.
    pub(super) fn differs_beyond_drift(&self, spec: &ConsumerSpec) -> bool {
        let described = spec.description.is_none() || spec.description == self.description;
        self.max_deliver > 0 || !described
    }

    pub(super) fn limits(&self) -> Limits {
        Limits {
            batch: Some(self.max_batch).filter(|most| *most > 0),
            expires: time(self.max_expires),
        }
    }
}

fn time(nanos: u64) -> Option<Duration> {
    Some(Duration::from_nanos(nanos)).filter(|time| !time.is_zero())
}

/// Writes what a consumer is asked for into its configuration.
pub(super) fn asked(config: &mut Value, spec: &ConsumerSpec) {
    let nanoseconds = super::config::nanoseconds;
    match spec.filters.as_slice() {
        [] => {}
        [one] => config["filter_subject"] = one.as_str().into(),
        several => {
            let several: Vec<&str> = several.iter().map(Pattern::as_str).collect();
            config["filter_subjects"] = several.into();
        }
    }
    config["ack_wait"] = nanoseconds(spec.ack_wait).into();
    config["max_ack_pending"] = spec.max_ack_pending.into();
    config["max_deliver"] = (-1).into();
    config["inactive_threshold"] = spec.inactive_threshold.map_or(0, nanoseconds).into();
    if let Some(description) = &spec.description {
        config["description"] = description.as_str().into();
    }
}

/// One consumer, known by its name: one that is made anew is the same again.
pub(super) struct NatsConsumer {
    pub(super) api: Api,
    pub(super) stream: String,
    pub(super) name: String,
    pub(super) limits: Limits,
    pub(super) settles: Arc<NatsSettle>,
    /// Asks for what is there.
    pub(super) desk: Arc<fetch::Desk>,
}

impl fmt::Debug for NatsConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsConsumer")
            .field("stream", &self.stream)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Consumer for NatsConsumer {
    fn name(&self) -> &str {
        &self.name
    }

    fn status(&self, deadline: Instant) -> BoxFuture<'_, Result<ConsumerStatus>> {
        async move {
            let Self { stream, name, .. } = self;
            let what = format!("CONSUMER.INFO.{stream}.{name}");
            let nothing = json!({});
            let info = self.api.ask::<ConsumerInfo>(&what, &nothing, deadline);
            info.await?
                .map_err(|refusal| failure::of_consumer(stream, name, refusal))?
                .status()
        }
        .boxed()
    }

    fn pull(&self) -> BoxFuture<'_, Result<Pull>> {
        pull::begin(self).boxed()
    }

    fn fetch(&self, most: usize, deadline: Instant) -> BoxFuture<'_, Result<Vec<Delivery>>> {
        let most = self.limits.most(most);
        fetch::begin(&self.desk, most, deadline).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(config: &Value) -> ConsumerInfo {
        let info = json!({
            "name": "c", "created": "2026-01-02T03:04:05Z", "config": config,
            "delivered": {"consumer_seq": 9, "stream_seq": 7},
            "ack_floor": {"consumer_seq": 1, "stream_seq": 5},
            "num_ack_pending": 2, "num_redelivered": 1, "num_pending": 4, "num_waiting": 3,
        });
        serde_json::from_value(info).unwrap()
    }

    fn spec(filters: &[&str]) -> ConsumerSpec {
        let filters = filters.iter().map(|text| Pattern::parse(text).unwrap());
        ConsumerSpec {
            filters: filters.collect(),
            ..ConsumerSpec::new("c")
        }
    }

    #[test]
    fn what_is_asked_for_is_read_back() {
        for filters in [&[][..], &["a.*"], &["a.*", "b.>"]] {
            let mut spec = spec(filters);
            spec.ack_wait = Duration::from_millis(1234);
            spec.inactive_threshold = Some(Duration::from_secs(60));
            let mut config = json!({});
            asked(&mut config, &spec);
            let status = info(&config).status().unwrap();
            assert_eq!(spec.drift(&status).changeable, [""; 0]);
            assert_eq!((status.delivered, status.ack_floor), (7, 5));
            assert_eq!((status.ack_pending, status.redelivered), (2, 1));
            assert_eq!((status.pending, status.deliveries), (4, 8));
            assert_eq!(status.waiting, 3);
        }
    }

    #[test]
    fn a_change_keeps_where_it_began_and_what_is_not_known() {
        let there = json!({
            "durable_name": "c", "deliver_policy": "by_start_sequence", "opt_start_seq": 7,
            "ack_policy": "explicit", "filter_subject": "old", "max_waiting": 99,
            "backoff": [1, 2], "from_the_future": {"a": 1},
        });
        assert_eq!(
            info(&there).changed(&spec(&["a", "b"])),
            json!({
                "durable_name": "c", "deliver_policy": "by_start_sequence", "opt_start_seq": 7,
                "ack_policy": "explicit", "filter_subjects": ["a", "b"], "max_waiting": 99,
                "from_the_future": {"a": 1}, "ack_wait": 30_000_000_000u64,
                "max_ack_pending": 1000, "max_deliver": -1, "inactive_threshold": 0,
            })
        );
    }

    #[test]
    fn only_a_pull_consumer_with_single_acks_fits() {
        for (config, fits) in [
            (json!({"ack_policy": "explicit"}), true),
            (
                json!({"ack_policy": "explicit", "deliver_subject": ""}),
                true,
            ),
            (
                json!({"ack_policy": "explicit", "deliver_subject": "x"}),
                false,
            ),
            (json!({"ack_policy": "all"}), false),
            (json!({"ack_policy": "none"}), false),
        ] {
            let known = info(&config).known().unwrap();
            assert_eq!(known.unfit().is_none(), fits, "{config}");
        }
    }

    #[test]
    fn no_limit_is_the_largest_number() {
        let status = info(&json!({"max_ack_pending": -1})).status().unwrap();
        assert_eq!(status.max_ack_pending, u32::MAX);
    }
}
