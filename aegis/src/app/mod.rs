//! Layer 5: how is it put together. `config` what can be set, `settings` where it comes from,
//! `connect` from a configuration to a bus, `builder` the program, `start` and `running` its life,
//! `run` signals, `entry` what `#[aegis::main]` calls, `log` the log output.

mod builder;
mod check;
mod config;
mod connect;
mod control;
mod entry;
mod log;
mod mount;
mod presence;
mod pulse;
mod run;
mod running;
mod settings;
mod start;
mod vitals;

pub use builder::App;
pub use config::Config;
#[cfg(feature = "testing")]
pub(crate) use connect::open;
pub use entry::main;
pub use running::Running;
pub use settings::LogFormat;
