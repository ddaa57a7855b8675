//! Faults on real processes and real connections, and what must hold all the same: the lines that
//! every process writes are judged by `aegis_tests::history`.
//! `counter` is the service and its process, `node` starts and disturbs one, `fork` parts its
//! connections, `clients` call it, `world` is all of them, `stall` notes when the host is too busy,
//! `fault` is what can happen; `random`, `targeted`, `frozen` and `connections` are tests.
//!
//! ```text
//! cargo test -p aegis-tests --test suite chaos            # 30 s of random faults, and the targeted ones
//! AEGIS_TEST_CHAOS=300 cargo test -p aegis-tests --test suite chaos::random -- --nocapture
//! AEGIS_TEST_SEED=7 ...                                   # the same faults in the same order again
//! ```
//!
//! A run that fails leaves its folder: the histories, and what each process logged.

#![cfg(unix)]
#![expect(
    clippy::print_stdout,
    reason = "processes talk over their output; a run says what it does"
)]

mod clients;
mod connections;
mod counter;
mod fault;
mod fork;
mod frozen;
mod node;
mod random;
mod stall;
mod targeted;
mod world;

use std::time::Duration;

use aegis::prelude::*;
use aegis::{Bucket, Config};
use aegis_tests::history::{History, Invariant, Limits, Recorder, What, now};
use aegis_tests::proxy::{Direction, Proxy};
use aegis_tests::{Folder, PATIENCE, eventually, soon, turn};

use crate::seed::Dice;
