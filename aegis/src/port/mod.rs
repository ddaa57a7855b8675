//! Layer 1: what we ask of the outside, as small traits that are held as `Arc<dyn ..>`.

mod bus;

pub use bus::{Answer, Bus, ConnectionState, Message, OpenCall, Outgoing, Stop, Subscription};
