//! A service framework on NATS: annotate an `impl` block, and it serves.
//!
//! ```no_run
//! use aegis::prelude::*;
//!
//! struct Calculator;
//!
//! #[aegis::service(name = "calculator", version = "1.0.0")]
//! impl Calculator {
//!     /// Adds two numbers.
//!     #[rpc]
//!     async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
//!         Ok(a + b)
//!     }
//! }
//!
//! #[aegis::main]
//! async fn main(app: App) -> Result<()> {
//!     app.service(Calculator).run().await
//! }
//! ```
//!
//! One sentence to remember: **what a handler borrows comes from the framework, what it owns comes
//! from the wire.**
//!
//! Where to look: [`service`], [`rpc`], [`subscribe`] and [`command`] for the
//! attributes, [`Context`] for what a handler may ask, [`Call`] for what a caller may say,
//! [`Publish`] for events, [`Command`] and [`Job`] for commands, [`App`] and [`Config`] for the
//! program, `aegis::testing` (feature `testing`) for tests.

// Generated code says `::aegis`; in our own documentation tests and unit tests that is us.
extern crate self as aegis;

#[doc(hidden)]
pub mod __private;
pub mod by_hand;
pub mod prelude;
#[cfg(feature = "testing")]
pub mod testing;

mod adapter;
mod app;
mod client;
mod cluster;
mod error;
mod kv;
mod layer;
mod lease;
mod model;
pub mod observe;
pub mod port;
mod serve;

pub use aegis_macros::{
    Event, Events, Failure, client, command, exclusive_rpc, health, main, on_leader, on_standby,
    on_start, on_stop, rpc, service, subscribe,
};

pub use app::{App, AskedReplicas, Config, LogFormat, Profile, ProfileError, Running};
#[cfg(feature = "otel")]
pub use app::{otel_flush, otel_layer};
pub use client::{
    Call, Client, Command, DeadLetters, EndpointInfo, Job, JobResult, JobUpdates, Jobs, Observe,
    Observed, Publish, PublishAll, Published, PublishedAll, ServiceInfo,
};
pub use cluster::{Discovery, DiscoveryMode, Found, InstanceEvents, Staleness};
pub use error::{CallError, Error, ErrorKind, Result};
pub use kv::{
    Applied, Bucket, Change, Checkpoint, Effect, Entry, Inbox, KvPut, KvRemove, KvRequest, Once,
    OpenBucket, OpenCheckpoint, OpenInbox, Removal, Removed, Watch, WatchRequest,
};
pub use layer::{Layer, Next, Operation, OperationKind, Outcome, Side};
pub use lease::Leadership;
pub use model::{
    AnyEvent, BreakerPolicy, BreakerState, BucketStatus, Code, Codec, CodecError, DeadLetter,
    DomainError, Environment, EnvironmentError, Event, EventMode, EventStart, Failover,
    FailoverError, Failure, FromEvent, Grant, HandlerManifest, HeaderError, Headers, Health,
    IllegalTransition, Instance, InstanceEvent, InstanceId, InstanceStatus, JobProgress, JobState,
    JobStatus, JobStep, Layout, Leader, Lifecycle, Load, Manifest, MethodName, NameError, Params,
    Pattern, Permissions, Priority, PriorityError, Recorded, RetryPolicy, Select, ServerFacts,
    ServiceManifest, ServiceName, Storage, Subject, TraceContext,
};
pub use observe::{Snapshot, Summary, metrics};
pub use port::{ConnectionState, WatchHealth};
pub use serve::{
    Assigned, CommandCall, CommandHandler, Context, Delivered, EventCall, EventHandler, Guard,
    HandlerDescriptor, HandlerKind, HookFuture, Metadata, Progress, Reply, Request, RpcCall,
    RpcHandler, Service, Source, Step,
};

/// The code of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
