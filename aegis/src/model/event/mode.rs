//! Who gets an event, and from when on.

use std::fmt;

/// Which instances of a service get an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventMode {
    /// One of them, whichever has time: the place in the stream is shared, and stays when all of
    /// them are gone.
    Compete,
    /// Each of them.
    Broadcast,
    /// The one that leads: in order, one at a time, and the next leader goes on where it ended.
    Exclusive,
}

impl fmt::Display for EventMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Compete => "compete",
            Self::Broadcast => "broadcast",
            Self::Exclusive => "exclusive",
        })
    }
}

/// With which event a handler begins that has no place in the stream yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EventStart {
    /// The first one that is published from then on.
    #[default]
    New,
    /// The oldest one that the stream holds.
    All,
}
