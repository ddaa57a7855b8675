//! Events: what a type of event is, one event as it arrived, and how a delivery of it ends.
//!
//! `types` is what users derive, `any` an event whose type is not known, `envelope` the form of
//! `AegisSDK` 1.0, `id` how an id travels, `mode` who gets an event, `place` how places in the stream
//! are named and who is at them, `verdict` what follows from a handler's end.

mod any;
mod envelope;
mod id;
mod mode;
mod place;
mod types;
mod verdict;

pub use any::AnyEvent;
pub(crate) use any::EventSource;
pub(crate) use envelope::EventEnvelope;
pub(crate) use id::full_id;
pub use mode::{EventMode, EventStart};
pub(crate) use place::{NoTaker, back_to, handler_place, instance_place, named, process_place};
pub use types::{Event, FromEvent};
pub(crate) use verdict::{
    ACCIDENTS, DEFAULT_BACKOFF, DEFAULT_RETRIES, LONGEST_BACKOFF, Verdict, verdict,
};
