//! Layer 2: what users put around calls, events and commands. `operation` is what a layer sees,
//! `outcome` how it ended, `chain` runs one layer around the next.

mod chain;
mod operation;
mod outcome;

pub(crate) use chain::{Began, Layers};
pub use chain::{Layer, Next};
pub use operation::{Operation, OperationKind, Side};
pub(crate) use operation::{Received, Sent};
pub use outcome::Outcome;
