//! The permissions that are generated are enough, and each of them is needed: without any one of them
//! something fails, and says which is missing. `world` is a server whose users lack one each, `mill`
//! a service that uses everything, `serving`, `asking` and `looking` what its users do.

mod asking;
mod looking;
mod mill;
mod serving;
mod world;
