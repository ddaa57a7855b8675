//! The same for events.
