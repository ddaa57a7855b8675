//! What was asked and what was answered, as plain values: what the checks judge.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use aegis::port::{StreamSpec, StreamStatus};
use aegis::{AskedReplicas, DeadLetter, Instance, ServerFacts};
use time::OffsetDateTime;

use super::stream::{Account, Consumer, Stream};

/// An answer, or why there is none.
pub(super) type Asked<T> = Result<T, String>;

/// Everything that is judged.
#[derive(Debug)]
pub(super) struct Facts {
    /// Where the tool is connected to.
    pub(super) url: String,
    pub(super) server: ServerFacts,
    pub(super) names: Names,
    /// How long each of some messages took to the server and back.
    pub(super) round_trips: Asked<Vec<Duration>>,
    pub(super) user: Option<User>,
    pub(super) clock: Option<Clock>,
    /// When all this was asked, by the server's clock as far as it is known.
    pub(super) now: OffsetDateTime,
    pub(super) account: Result<Account, NoAccount>,
    pub(super) streams: Asked<Vec<Stream>>,
    /// The framework's own streams: as they are asked for, and as they are.
    pub(super) own: Vec<(StreamSpec, Asked<Option<StreamStatus>>)>,
    /// By the stream.
    pub(super) consumers: BTreeMap<String, Asked<Vec<Consumer>>>,
    pub(super) registry: Asked<Registry>,
    /// Who answers for itself; more than once if two do.
    pub(super) answers: Asked<Vec<Answer>>,
    pub(super) seats: Asked<Vec<Seat>>,
    /// The oldest dead letters, and how many there are in all.
    pub(super) letters: Asked<(Vec<DeadLetter>, u64)>,
    /// The ids of records of jobs that cannot be read.
    pub(super) unreadable_jobs: Asked<Vec<String>>,
    pub(super) sync: Sync,
    /// How many servers its cluster has for JetStream, if the monitoring page tells.
    pub(super) cluster_size: Option<usize>,
    /// On how many servers the settings of this run ask to keep things.
    pub(super) asked_replicas: Vec<AskedReplicas>,
    pub(super) kubernetes: Kubernetes,
    /// What this user may not ask.
    pub(super) denied: BTreeSet<String>,
}

/// Why JetStream does not say how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoAccount {
    /// It is not there.
    Absent(String),
    /// It is, and does not answer.
    Silent(String),
    /// This user may not ask.
    Denied(String),
}

/// What the framework's things are called here.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) events: String,
    pub(super) dead: String,
    pub(super) commands: String,
    pub(super) registry: String,
    pub(super) leaders: String,
    pub(super) jobs: String,
}

impl Names {
    pub(super) fn of(layout: &aegis::Layout) -> Self {
        let bucket = |name: &str| format!("KV_{}", layout.bucket(name));
        Self {
            events: layout.stream("EVENTS"),
            dead: layout.stream("DEAD"),
            commands: layout.stream("COMMANDS"),
            registry: bucket("service_registry"),
            leaders: bucket("sticky_active"),
            jobs: bucket("aegis_jobs"),
        }
    }
}

/// Who the tool is for the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) account: String,
}

/// The server's clock against the one of this computer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Clock {
    /// How far the server's is ahead.
    pub(super) ahead: time::Duration,
    /// By so much it may be wrong, either way: half a round trip.
    pub(super) unsure: Duration,
}

/// The records of instances.
#[derive(Debug, Clone, Default)]
pub(super) struct Registry {
    pub(super) records: Vec<Record>,
    /// Keys of what is no record.
    pub(super) unreadable: Vec<String>,
}

/// The record of one instance.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) key: String,
    pub(super) revision: u64,
    /// When the server took it, by its clock.
    pub(super) written: OffsetDateTime,
    pub(super) instance: Instance,
}

impl Record {
    /// It is of this framework, which answers for itself; programs with others only write records.
    pub(super) fn should_answer(&self) -> bool {
        self.instance.metadata.contains_key("boot")
    }
}

/// One who answers for itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Answer {
    pub(super) service: String,
    pub(super) id: String,
    /// It is of this framework, and has started: unless it is told not to, it keeps a record.
    pub(super) keeps_record: bool,
}

impl Answer {
    /// Whether this one has the record.
    pub(super) fn is_of(&self, record: &Record) -> bool {
        let instance = &record.instance;
        (&self.service, &self.id) == (&instance.service, &instance.id)
    }
}

/// The record of a leader; one that cannot be read has no holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) service: String,
    pub(super) group: String,
    pub(super) holder: Option<Holder>,
    pub(super) written: OffsetDateTime,
}

/// Who leads, or led.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) instance: String,
    pub(super) lease: Duration,
    pub(super) released: bool,
}

/// When the server writes to its disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sync {
    Always,
    /// In the background, so often.
    Every(Duration),
    /// It was not asked, or did not tell, and why.
    Unknown(String),
}

/// What there is of Kubernetes around this process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Kubernetes {
    pub(super) in_a_pod: bool,
    pub(super) kubeconfig: Option<PathBuf>,
    /// Where a port-forward leads, if one was tried.
    pub(super) asked: Option<Way>,
}

/// How a port-forward ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    Leads(String),
    Blocked(String),
    /// This build of the tool has no way to try.
    Unknown(String),
}

impl Facts {
    /// How long ago something was written, by the server's clock.
    pub(super) fn age(&self, written: OffsetDateTime) -> Duration {
        Duration::try_from(self.now - written).unwrap_or_default()
    }

    /// Why nothing that is stored can be looked at, if that is so.
    pub(super) fn nothing_stored(&self) -> Option<&'static str> {
        match self.account {
            Err(NoAccount::Absent(_)) => Some("there is no JetStream"),
            Err(NoAccount::Silent(_)) => Some("JetStream does not answer"),
            _ => None,
        }
    }

    /// On how many servers something can be kept, if that is known.
    pub(super) fn servers(&self) -> Option<usize> {
        match self.server.cluster {
            None => Some(1),
            Some(_) => self.cluster_size,
        }
    }

    /// By so much an age may be wrong. Clocks that could not be compared are hardly further apart.
    pub(super) fn unsure(&self) -> Duration {
        const UNKNOWN: Duration = Duration::from_secs(60);
        self.clock.map_or(UNKNOWN, |clock| clock.unsure)
    }

    /// The server runs on this computer, for development as a rule.
    pub(super) fn is_local(&self) -> bool {
        let host = super::monitor::host(&self.url);
        host.is_some_and(|host| super::monitor::is_loopback(&host))
    }

    /// A stream, if it is there.
    pub(super) fn stream(&self, name: &str) -> Option<&Stream> {
        let streams = self.streams.as_ref().ok()?;
        streams.iter().find(|stream| stream.name == name)
    }

    /// The records, of those who are there by now and those who are not.
    pub(super) fn records(&self) -> &[Record] {
        self.registry
            .as_ref()
            .map_or(&[], |registry| &registry.records)
    }
}
