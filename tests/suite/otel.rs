//! Traces, metrics and log lines of real processes, and what a collector gets of them.

#![cfg(unix)]

#[path = "otel/collector.rs"]
mod collector;
#[path = "otel/lines.rs"]
mod lines;
#[path = "otel/passing.rs"]
mod passing;
#[path = "otel/process.rs"]
mod process;
#[path = "otel/roles.rs"]
mod roles;
#[path = "otel/traces.rs"]
mod traces;
#[path = "otel/unsampled.rs"]
mod unsampled;

use aegis_tests::Folder;
use aegis_tests::collector::{Collector, Mood, Span};

use process::Process;
