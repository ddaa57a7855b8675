//! No command is lost and none has two effects, measured: commands are sent by two processes and
//! worked on by four others, which are killed and frozen in the middle, while the server is killed
//! as well.
//! `note` is what every process writes, `sender` and `mill` are what they do, `plan` is what becomes
//! of each command; `world` is all of them, `queue` where commands wait, `fault` what is done to them; `account` is what came of
//! it, `attempts` judges what happened twice. `long` and `attach` are tests of their own.
//!
//! ```text
//! cargo test -p aegis-tests --test suite commands_loss -- --nocapture                             # 1,000 commands
//! AEGIS_TEST_COMMANDS=10000 cargo test -p aegis-tests --test suite commands_loss -- --nocapture   # more of them
//! ```
//!
//! A run that fails leaves its folder: the journals, and what each process logged.

#![cfg(unix)]
#![expect(clippy::print_stdout, reason = "a run says what it was made of")]

mod account;
mod attach;
mod attempts;
mod fault;
mod long;
mod mill;
mod note;
mod plan;
mod queue;
mod sender;
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use aegis::prelude::*;
use aegis::{Bucket, Config, JobState, JobStatus};
use aegis_tests::history::now;
use aegis_tests::{Folder, soon, turn};
use serde::{Deserialize, Serialize};

use crate::processes::{self, Outage};
use crate::seed::Dice;
use note::Note;
use plan::Plan;
use world::World;

type Journal = processes::Journal<Note>;
type Line = processes::Line<Note>;
type Program = processes::Program<Note>;
type Told = processes::Told<Note>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_comes_to_its_end_with_one_effect_whoever_is_killed() {
    let world = World::run().await;
    world.account().await.assert_kept();
}
