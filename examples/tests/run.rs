//! Every example runs to its end, in memory and on a real server, and prints what it should.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
#[cfg(unix)]
use std::{
    io::Lines,
    process::{Child, ChildStdout},
};

use aegis::testing::NatsServer;

const ECHO: &str = env!("CARGO_BIN_EXE_01_echo");
const TYPED_ERRORS: &str = env!("CARGO_BIN_EXE_02_typed_errors");
const BY_HAND: &str = env!("CARGO_BIN_EXE_03_by_hand");
const DISCOVERY: &str = env!("CARGO_BIN_EXE_04_discovery");
const KEY_VALUE: &str = env!("CARGO_BIN_EXE_05_key_value");
const SINGLE_ACTIVE: &str = env!("CARGO_BIN_EXE_06_single_active");
const ORDERS: &str = env!("CARGO_BIN_EXE_07_orders");
const INVENTORY: &str = env!("CARGO_BIN_EXE_08_inventory");
const EVENTS: &str = env!("CARGO_BIN_EXE_09_events");
const EFFECTS_ONCE: &str = env!("CARGO_BIN_EXE_10_effects_once");
const BATCH: &str = env!("CARGO_BIN_EXE_11_batch");
const LAYERS: &str = env!("CARGO_BIN_EXE_12_layers");

/// What each example says, among other things.
const SAID: &[(&str, &[&str])] = &[
    (
        ECHO,
        &[
            "Plain: hello, from echo-",
            "Reverse: olleh, from echo-",
            "Upper: HELLO, from echo-",
            "100 delayed texts, from: {\"echo-1\": ",
            ", \"echo-2\": ",
            "echo-1 counts ",
            "after 20 ms: Some(Timeout)",
        ],
    ),
    (
        TYPED_ERRORS,
        &[
            "2 x chair: 80",
            "9 x chair: no, take 5",
            "1 x throne: no, there is no throne",
            "paid at once: false",
            "paid with patience: 80",
            "untyped: UNKNOWN_SKU: there is no throne (status 404)",
            "order_text: Internal: INTERNAL: invalid digit found in string",
        ],
    ),
    (
        BY_HAND,
        &[
            "1 + 2 = 3",
            "3 + 4 = 7",
            "TOO_LARGE_A_SUM: 9223372036854775807 + 1",
            "INVALID_PARAMS: ",
            "the argument `b` is missing",
            "in all: 100\n",
        ],
    ),
    (
        DISCOVERY,
        &[
            "pricing-1 ACTIVE \"XETR\"\npricing-2 ACTIVE \"XETR\"\npricing-3 ACTIVE",
            "RoundRobin: {\"pricing-1\": 4, \"pricing-2\": 4, \"pricing-3\": 4}",
            "for Ann the shop asks pricing-3, each time",
            "pricing-3 is there\n",
            "pricing-2 is ill\nLeastLoaded: {\"pricing-1\": ",
            "pricing-3 is gone\n",
        ],
    ),
    (
        KEY_VALUE,
        &[
            "a second create: Conflict\nan update of what has changed: Conflict",
            "user:1 is Some(User { name: \"Anna\", visits: 0 })\nuser:2 is None",
            "keys: [\"team A/Bob 🙂\", \"team A/Cem 🙂\", \"user:1\"]",
            "[Some(User { name: \"Anna\", visits: 3 }), None]",
            "was Anna (2)\nwas Anna (3)\nwas Deleted",
            "session:1 = Ann\n",
            "that is all, for now\n",
            "session:2 = Bob\n",
            "session:2 is gone: Expired\n",
        ],
    ),
    (
        SINGLE_ACTIVE,
        &[
            "echo-1 leads as epoch ",
            "everybody: hello, from echo-1\neverybody: hello, from echo-2\n",
            "a standby says Some(NotActive)\n",
            "echo-1 stands by\n",
            "after a stop: echo-2, as a greater epoch\n",
            "after a crash: echo-3, as a greater epoch\n",
            "every call meanwhile was answered: true\n",
        ],
    ),
    (
        ORDERS,
        &[
            "refused: order A-7 is another one already\n",
            "refused: a payment needs an idempotency key\n",
            "refused: 20000 cents are due, not 50000\n",
            "paid: 5000 cents, taken by orders-1\n",
            "asked again: 5000 cents, taken by orders-1\n",
            "paid: 20000 cents, taken by orders-2, Paid\nepoch grown: true\n",
            "Statistics { orders: 1, paid: 1, cents: 20000 }\n",
        ],
    ),
    (
        INVENTORY,
        &[
            "the leader changed twice: true\n",
            "60 asked: 45 have one, 15 were told that it is sold out\n",
            "45 of 45 are reserved\n",
        ],
    ),
    (
        EVENTS,
        &[
            "compete: 6 orders are confirmed, each once, by {\"desk-",
            "broadcast: desk-1 quotes ACME at 1010\nbroadcast: desk-2 quotes ACME at 1010\n",
            "5 placed, 6 placed, 1 cancelled, 2 executed, 3 executed\n",
            "a pattern: audits orders.cancelled {\"id\":1}\n",
            "by three leaders, in order: 1 placed, 2 placed, ",
            ", 8 executed, 9 executed, 13 placed, 14 placed, ",
            ", 18 placed, 13 cancelled, 14 executed, 15 executed\n",
            "desk__book gives up after 1: INVALID_PARAMS: the event orders.placed cannot be read: ",
            "desk__confirm gives up after 1: INVALID_PARAMS: ",
            "desk__confirm gives up after 3: UNKNOWN_CUSTOMER: nobody knows Zoe\n",
            "brought back: confirms 20 on desk-3\ndead letters: 0\n",
        ],
    ),
    (
        EFFECTS_ONCE,
        &[
            "ledger, attempt 1: Now\n",
            "ledger, attempt 2: Before\n",
            "payments of 500 cents: failed: INTERNAL: the answer was lost\n",
            "payments of 500 cents: was done before\n",
            "1 trade of 500 cents is booked, 1 payment made\n",
        ],
    ),
    (
        BATCH,
        &[
            "noon, sent twice: new false, the same job true\n",
            "mistake: CANCELLED, attempts 0\n",
            "morning: SUCCEEDED 100 % 100 of 100 are checked\n",
            "worker: begins evening, attempt 2\n",
            "evening: 5 payments, 1250 cents\n",
            "begun in this order: morning, urgent, noon, evening\n",
            "noon, found by its id: 5\n",
            "worker: long is to stop\nlong: CANCELLED\n",
            "4 transfers, 1 of evening\n",
        ],
    ),
    (
        LAYERS,
        &[
            "audit: alice withdraw: ok\nalice withdraws Some(10)\n",
            "bob: FORBIDDEN: withdraw needs a token\n",
            "audit: bob balance: OVERLOADED\n",
            "alice sees Some(1000)\n",
        ],
    ),
];

/// The program, free from whatever the environment of the test says.
fn program(path: &str, url: Option<&str>) -> Command {
    let mut command = Command::new(path);
    for name in ["AEGIS_NATS_URL", "NATS_URL", "AEGIS_CONFIG", "RUST_LOG"] {
        command.env_remove(name);
    }
    command.envs(url.map(|url| ("AEGIS_NATS_URL", url)));
    command
}

fn run(mut command: Command) -> String {
    let output = command.output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {log}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn examples_run_to_their_end() {
    let server = NatsServer::start().await.unwrap();
    for url in [None, Some(server.url())] {
        for (path, expected) in SAID {
            let said = run(program(path, url.as_deref()));
            for part in *expected {
                assert!(said.contains(part), "{url:?}: {part:?} is in {said}");
            }
        }
    }
}

/// A program that goes on until it is ended; killed when it is dropped.
#[cfg(unix)]
struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

#[cfg(unix)]
impl Process {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line that it prints with this part.
    fn until(&mut self, part: &str) -> String {
        let mut lines = self.lines.by_ref().map_while(Result::ok);
        lines.find(|line| line.contains(part)).unwrap()
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(told.success());
    }
}

#[cfg(unix)]
impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn another_process_leads_when_the_leader_is_killed() {
    let nats = NatsServer::start().await.unwrap();
    let url = nats.url();
    let start = |mode, id| {
        let mut command = program(SINGLE_ACTIVE, Some(&url));
        command.arg(mode).env("AEGIS_INSTANCE_ID", id);
        command.env("AEGIS_LOG", "warn");
        Process::start(command)
    };
    // Who answers, and as which epoch.
    let answer = |client: &mut Process| -> (String, u64) {
        let line = client.until(" answers as epoch ");
        let (id, rest) = line.split_once(" answers as epoch ").unwrap();
        let epoch = rest.split(',').next().unwrap();
        (id.to_owned(), epoch.parse().unwrap())
    };
    let first = start("server", "echo-1");
    let mut client = start("client", "caller");
    let (id, epoch) = answer(&mut client);
    assert_eq!(id, "echo-1");
    let second = start("server", "echo-2");
    first.signal("-KILL");
    let (id, next) = answer(&mut client);
    assert!(id == "echo-2" && next > epoch, "{id} {next} after {epoch}");
    let _third = start("server", "echo-3");
    second.signal("-TERM");
    let (id, last) = answer(&mut client);
    assert!(id == "echo-3" && last > next, "{id} {last} after {next}");
}

#[cfg(unix)]
#[tokio::test]
async fn the_echo_server_serves_clients_until_it_is_told_to_end() {
    let nats = NatsServer::start().await.unwrap();
    let url = nats.url();
    let mut echo = program(ECHO, Some(&url));
    echo.arg("server")
        .env("AEGIS_INSTANCE_ID", "alone")
        .stderr(Stdio::piped());
    let mut echo = echo.spawn().unwrap();
    let mut log = BufReader::new(echo.stderr.take().unwrap()).lines();
    let serves = log.find(|line| line.as_ref().unwrap().contains("serves"));
    assert!(serves.is_some());
    // Reads on, so that the server's log never waits for a reader.
    let rest = std::thread::spawn(move || log.map_while(Result::ok).count());
    let mut client = program(ECHO, Some(&url));
    client.arg("client");
    let said = run(client);
    assert!(
        said.contains("100 delayed texts, from: {\"alone\": 100}"),
        "{said}"
    );
    let id = echo.id().to_string();
    let told = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(told.success() && echo.wait().unwrap().success());
    rest.join().unwrap();
}
