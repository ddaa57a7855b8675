//! The wire as `docs/subjects.md` states it: every subject, header and body, seen by a peer that
//! knows nothing of Aegis. `probe` is the service that is asked, `peer` the one who asks; each
//! other file is one part of the document.

mod caller;
mod control;
mod envelope;
mod failures;
mod leader;
mod micro;
pub(crate) mod peer;
mod plain;
pub(crate) mod probe;
