//! Who leads, for whoever is not part of it: read from the records of the leaders.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::answer::Answer;
use super::core::{Client, Wire};
use crate::cluster::LEADERS;
use crate::error::{CallError, Error, Result};
use crate::model::{Failure, InstanceId, KvEntry, KvFilter, Leader, ServiceName};
use crate::port::{KvScan, Outgoing};

impl Client {
    /// Who leads a group of a service, as its record says: `None` if nobody ever did.
    ///
    /// It tells what stood there a moment ago; what must not be done by two is fenced
    /// ([`Leadership::epoch`](crate::Leadership::epoch)), never decided by a look.
    ///
    /// ```no_run
    /// # async fn example(client: aegis::Client) -> aegis::Result<()> {
    /// if let Some(leader) = client.leader("ledger", "main").await? {
    ///     println!("{} leads as epoch {}", leader.instance, leader.epoch);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn leader(&self, service: &str, group: &str) -> Result<Option<Leader>> {
        let leaders = self.leaders(service).await?;
        Ok(leaders.into_iter().find(|leader| leader.group == group))
    }

    /// The leaders of all groups of a service, sorted by group.
    pub async fn leaders(&self, service: &str) -> Result<Vec<Leader>> {
        let service = ServiceName::parse(service)?;
        let deadline = self.ask_until();
        let name = self.layout().bucket(LEADERS);
        let Some(bucket) = self.store().find(&name, deadline).await? else {
            return Ok(Vec::new());
        };
        let filter = KvFilter::Prefix(format!("{service}."));
        let entries = bucket.scan(filter, KvScan::Latest, deadline).await?;
        let values = entries.iter().filter(|entry| KvEntry::is_value(entry));
        let mut leaders: Vec<Leader> = values.filter_map(Leader::read).collect();
        leaders.sort_by(|a, b| a.group.cmp(&b.group));
        Ok(leaders)
    }

    /// Asks an instance that leads to let another one lead; the result is the epoch that ends.
    ///
    /// It finishes the exclusive calls that run, gives its lease up, and leads again only if no
    /// other instance does within two leases.
    ///
    /// Errors: `NotActive` if it does not lead, `NoService` if it is not there.
    pub async fn step_down(&self, service: &str, instance: &str) -> Result<u64> {
        let (service, instance) = (ServiceName::parse(service)?, InstanceId::parse(instance)?);
        let subject = self.layout().step_down(&service, &instance);
        let question = Outgoing::new(subject, "");
        let bus = self.bus();
        let answer = bus
            .request(question, &bus.new_call(), self.ask_until())
            .await?;
        let codec = self.shared.settings.codec;
        let read = Answer::read(answer, Wire::Plain, codec)?;
        match read.decode::<Ended, Failure>() {
            Ok(ended) => Ok(ended.epoch),
            Err(CallError::Failed(error)) => Err(error),
            Err(CallError::Service(failure)) => Err(Error::reported(failure)),
        }
    }

    fn ask_until(&self) -> Instant {
        Instant::now() + self.shared.settings.timeout.min(LONGEST)
    }
}

/// What a leader answers that is asked to step down.
#[derive(Deserialize)]
struct Ended {
    epoch: u64,
}

/// A longer wait is one for nothing.
const LONGEST: Duration = Duration::from_secs(60);
