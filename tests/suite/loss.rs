//! Nothing is lost, measured: numbered events are published by two processes and handled by two
//! others, which are killed in turn, while the server is killed as well.
//! `note` is what every process writes, `publisher` and `ledger` are what they do; `world` is all of
//! them with their faults, `account` is what came of it.
//!
//! ```text
//! cargo test -p aegis-tests --test suite loss:: -- --nocapture                            # 10,000 events
//! AEGIS_TEST_EVENTS=100000 cargo test -p aegis-tests --test suite loss:: -- --nocapture   # more of them
//! ```
//!
//! A run that fails leaves its folder: the journals, and what each process logged.

#![cfg(unix)]
#![expect(clippy::print_stdout, reason = "a run says what it was made of")]

mod account;
mod ledger;
mod note;
mod publisher;
mod world;

use std::time::Duration;

use aegis::prelude::*;
use aegis::{Bucket, Config, Inbox, Once};
use aegis_tests::history::now;
use aegis_tests::{Folder, turn};
use serde::{Deserialize, Serialize};

use crate::processes::{self, Outage};
use ledger::Effect;
use note::Note;
use world::World;

type Journal = processes::Journal<Note>;
type Line = processes::Line<Note>;
type Program = processes::Program<Note>;
type Told = processes::Told<Note>;

/// What is published.
#[derive(Debug, Serialize, Deserialize, aegis::Event)]
#[event("orders.placed")]
struct Placed {
    /// Which one, of all.
    id: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_that_was_published_is_handled_whoever_is_killed() {
    let world = World::run(Effect::Note).await;
    world.account().await.assert_kept();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_has_one_effect_where_its_id_is_the_key() {
    let world = World::run(Effect::Create).await;
    world.account().await.assert_kept();
    assert_eq!(world.stored("KV_effects").await, world.events());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_has_one_effect_in_an_inbox_that_can_ask() {
    let world = World::run(Effect::Once).await;
    world.account().await.assert_kept();
    assert_eq!(world.stored("KV_effects").await, world.events());
}
