//! Layer 5: how is it put together. `config` what can be set, `settings` where it comes from,
//! `stream_settings` those of streams, `command_settings` those of commands,
//! `address` the settings that name servers, `connect` from a configuration to a bus, `builder` the
//! program, `start` and `running` its life, `control` the thread of heartbeats and leases,
//! `presence` the registry, `leading` the elections, `run` signals, `entry` what `#[aegis::main]`
//! calls, `log` the log output.

mod address;
mod builder;
mod check;
mod command_settings;
mod config;
mod connect;
mod control;
mod entry;
mod leading;
mod log;
mod mount;
mod presence;
mod pulse;
mod run;
mod running;
mod settings;
mod start;
mod strangers;
mod stream_settings;
mod vitals;

pub use builder::App;
pub use config::Config;
#[cfg(feature = "testing")]
pub(crate) use connect::open;
pub use entry::main;
pub use running::Running;
pub use settings::LogFormat;
