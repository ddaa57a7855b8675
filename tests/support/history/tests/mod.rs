//! Each invariant with histories that keep it and such that break it; and what files may look like.
//! Small numbers stand for nanoseconds. `story` tells histories, `leaders` and `effects` are
//! the tables.

mod effects;
mod files;
mod leaders;
mod story;
