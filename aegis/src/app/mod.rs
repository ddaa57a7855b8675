//! Layer 5: how is it put together. `config` what can be set, `settings` where it comes from,
//! `stream_settings` those of streams, `command_settings` those of commands, `replica_settings` on
//! how many servers all of it is kept, `locate_settings` those of where NATS is, `profile` sets of
//! defaults, `address` the settings that name servers, `locate` looks for NATS, `surroundings` at the
//! machine, `connect` from a configuration to a bus, `builder` the
//! program, `start` and `running` its life, `control` the thread of heartbeats and leases,
//! `records` what is known of each service, `presence` the registry, `gauges` what is measured, `facts` what is told of that, `manifest` what it says of itself, `http` by HTTP, `leading` the elections, `run` signals, `entry` what `#[aegis::main]`
//! calls, `log` the log output, `log_line` one line of it, `telling` what is set about it, `near` what was meant by a name that does not exist,
//! `collector` where traces and metrics are sent.

mod address;
mod builder;
mod check;
mod collector;
mod command_settings;
mod config;
mod connect;
mod control;
mod entry;
mod facts;
mod gauges;
#[cfg(feature = "http")]
mod http;
mod leading;
mod locate;
mod locate_settings;
mod log;
#[cfg(feature = "log")]
mod log_line;
mod manifest;
mod mount;
mod near;
mod presence;
mod profile;
mod pulse;
mod records;
mod replica_settings;
mod run;
mod running;
mod settings;
mod start;
mod strangers;
mod stream_settings;
mod surroundings;
mod telling;
mod vitals;

pub use builder::App;
#[cfg(feature = "otel")]
pub use collector::{otel_flush, otel_layer};
pub use config::Config;
#[cfg(feature = "testing")]
pub(crate) use connect::open;
pub use entry::main;
pub use profile::{Profile, ProfileError};
pub use replica_settings::AskedReplicas;
pub use running::Running;
pub use settings::LogFormat;
#[cfg(feature = "testing")]
pub use surroundings::Surroundings;
