//! The command-line tool of aegis: `cli` what can be said, `call`, `services`, `publish`, `events`,
//! `command`, `dead`, `kv`, `leader`, `failover`, `doctor`, `permissions`, `dev` and `demo` the commands, `ending`
//! errors and exit codes, `input` what is read, `out` what is printed, `body` how payloads look, `terminal` who
//! reads that, `signals` Ctrl-C and SIGTERM, `child` processes that the tool starts.

mod body;
mod call;
mod child;
mod cli;
mod command;
mod connection;
mod dead;
mod demo;
mod dev;
mod doctor;
mod ending;
mod events;
mod failover;
mod input;
mod kv;
mod leader;
mod out;
mod permissions;
mod publish;
mod services;
mod signals;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};
use out::Out;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ending::not_understood(&error),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let outcome = runtime.map_err(Into::into).and_then(|runtime| {
        let outcome = runtime.block_on(run(cli));
        // A search for a server or a read of standard input may still block a thread.
        runtime.shutdown_background();
        outcome
    });
    ending::code(outcome)
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let (common, out) = (cli.common, &Out::new());
    match cli.command {
        Command::Demo(wish) => demo::run(&wish, &common, out).await,
        Command::Dev(wish) => dev::run(&wish, &common, out).await,
        Command::Call(wish) => call::run(&wish, &common, out).await,
        Command::Services(wish) => services::run(&wish, &common, out).await,
        Command::Publish(wish) => publish::run(&wish, &common, out).await,
        Command::Events(wish) => events::run(&wish, &common, out).await,
        Command::Job(wish) => command::run(&wish, &common, out).await,
        Command::Dead(wish) => dead::run(&wish, &common, out).await,
        Command::Kv(wish) => kv::run(&wish, &common, out).await,
        Command::Leader(wish) => leader::run(&wish, &common, out).await,
        Command::Doctor(wish) => doctor::run(&wish, &common, out).await,
        Command::Failover(wish) => failover::run(&wish, &common, out).await,
        Command::Permissions(wish) => permissions::run(&wish, &common, out).await,
        Command::FailoverInstance(wish) => failover::instance(&wish, out).await,
        Command::DemoInstance(wish) => demo::instance(&wish, out).await,
    }
}
