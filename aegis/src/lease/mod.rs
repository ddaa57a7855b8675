//! Layer 1: what a leader holds. `clock` is the time that leases count in, `held` the lease of one
//! leadership, `fences` what it has raised, `leadership` what user code sees of it, `standing` who
//! leads as far as is known.

mod clock;
mod fences;
mod held;
mod leadership;
mod standing;

pub(crate) use clock::Clock;
pub(crate) use held::Lease;
pub use leadership::Leadership;
pub(crate) use standing::{Holder, Standing};
