//! Layer 2: traces and metrics go to a collector, by OTLP over HTTP. `layer` takes spans of `tracing`,
//! `tracer` gives them their place, `limit` says how many traces begin, `queue` keeps those that have
//! ended, `export` is the thread that sends them, `post` one request, `figures` metrics in OTLP's form,
//! `pipeline` all of it together.

mod export;
mod figures;
mod layer;
mod limit;
mod pipeline;
mod post;
mod queue;
mod tracer;

pub(crate) use layer::layer;
pub(crate) use pipeline::{Options, flush, name, start};
