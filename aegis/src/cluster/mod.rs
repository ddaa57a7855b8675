//! Layer 2: who is there. `announcer` keeps an instance's record alive, `directory` is the live
//! table of all of them, `cache` the answers of a moment ago, `discovery` the three ways to ask.

mod announcer;
