//! Layer 0: values and decisions. Nothing here waits, reads a clock or knows a transport.
//!
//! `grammar`, `name`, `subject`, `layout` say what may be named how; `header`, `codec`, `envelope`,
//! `failure`, `deadline`, `trace` are what travels; `kv` is what buckets hold, `stream` what
//! streams do, `instance` and `roster` are who is there; `retry`, `breaker`, `lifecycle`, `select`,
//! `health`, `election`, `inbox`, `checkpoint` decide; `environment` and `locate` where NATS is looked
//! for; `permissions` tells what a program may need.

mod arguments;
mod breaker;
mod checkpoint;
mod codec;
mod command;
mod dead;
mod deadline;
mod election;
mod envelope;
mod environment;
mod event;
mod failure;
pub(crate) mod grammar;
pub(crate) mod header;
mod health;
mod inbox;
mod instance;
mod kv;
mod layout;
mod lifecycle;
mod locate;
mod name;
mod permissions;
mod retry;
mod roster;
mod select;
mod server;
mod status;
mod stream;
mod subject;
mod trace;
mod version;

pub(crate) use arguments::Names;
pub use arguments::{Arguments, Field, Owned, Params};
pub(crate) use arguments::{ReadArguments, WriteArguments};
pub(crate) use breaker::Breaker;
pub use breaker::{BreakerPolicy, BreakerState};
pub use checkpoint::Recorded;
pub use codec::{Codec, CodecError};
pub(crate) use command::{
    COMMAND_RETRIES, Claim as JobClaim, Found as OtherMessage, JobId, JobRecord, LONGEST_DELAY,
    ProgressNews, ProgressRecord, StateNews, StepFound, StepRecord, StepWay, Taken as TakenCommand,
    Turns, WorkerRecord, claim, delay_of, next_step,
};
pub use command::{JobProgress, JobState, JobStatus, JobStep, Priority, PriorityError};
pub use dead::DeadLetter;
pub(crate) use deadline::{DEFAULT_TIMEOUT, deadline_header, deadline_of};
pub(crate) use election::{
    Action, Claim, Election, Event as ElectionEvent, LeaderRecord, Moment, NoAnswer, Outcome,
};
pub use election::{Failover, FailoverError, Leader};
pub(crate) use envelope::{
    Facts, InEnvelope, RequestEnvelope, ResponseEnvelope, read_facts, with_timeout,
};
pub(crate) use environment::MachineSigns;
pub use environment::{Environment, EnvironmentError};
pub(crate) use event::{
    ACCIDENTS, DEFAULT_BACKOFF, DEFAULT_RETRIES, EventEnvelope, EventSource, LONGEST_BACKOFF,
    NoTaker, Verdict, back_to, full_id, handler_place, instance_place, named, process_place,
    verdict,
};
pub use event::{AnyEvent, Event, EventMode, EventStart, FromEvent};
pub use failure::{DomainError, Failure};
pub(crate) use header::told;
pub use header::{HeaderError, Headers};
pub use health::Health;
pub(crate) use health::{Signs, judge};
pub(crate) use inbox::{
    EFFECT_RUNNING, EffectRecord, EffectState, Ended as EffectEnded, Found as FoundEffect,
    Stage as EffectStage, Step as EffectStep,
};
pub use instance::{Instance, InstanceStatus, Load};
pub(crate) use instance::{MISSED, OWN_METADATA};
pub use kv::{
    BucketSpec, BucketStatus, Expect, KeyError, KvEntry, KvFence, KvFilter, KvKey, KvOperation,
    KvWrite, SpecError, Storage,
};
pub(crate) use kv::{DEFAULT_MAX_BYTES, Differences, MARKER_TTL, Replicas, check_ttl};
pub use layout::Layout;
pub(crate) use layout::STEP_DOWN;
pub use lifecycle::{IllegalTransition, Lifecycle};
pub(crate) use locate::{ClusterNats, Place, Tried, nowhere, places};
pub use name::{InstanceId, MethodName, NameError, ServiceName};
pub use permissions::{Grant, HandlerManifest, Manifest, Permissions, ServiceManifest};
pub use retry::RetryPolicy;
pub use roster::InstanceEvent;
pub(crate) use roster::{LOOK, Roster, changes};
pub use select::Select;
pub(crate) use select::{Candidate, Chance, choose};
pub use server::ServerFacts;
pub use status::Code;
pub use stream::{
    ConsumerDrift, ConsumerSpec, ConsumerStatus, DeliverFrom, Discard, ExpectSequence, Retention,
    Settling, Stored, StoredMessage, StreamDrift, StreamMessage, StreamSpec, StreamStatus,
};
pub use subject::{Pattern, Subject};
pub use trace::TraceContext;
pub(crate) use version::ServerVersion;
