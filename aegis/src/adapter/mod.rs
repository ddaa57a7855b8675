//! Layer 2: the outside, implemented: `nats` for real, `memory` for tests and small programs.

pub(crate) mod memory;
pub(crate) mod nats;
