//! One leader: how long a lease is (`policy`), and who leads (`machine`).

#[cfg(test)]
mod check;
mod machine;
mod policy;

pub use policy::{Failover, FailoverError};
