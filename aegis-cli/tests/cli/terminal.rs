//! What a terminal gets to see, on a pseudo-terminal.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::process::{Child, Command, Stdio};

use aegis::testing::NatsServer;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::importer::{Importer, importer};
use super::watch::Echo;
use super::{Watchdog, aegis, output_with_input, signal};

/// A run on a terminal of its own.
struct Terminal {
    child: Child,
    screen: File,
}

impl Terminal {
    fn start(words: &[&str]) -> Self {
        Self::with(words, |command, side| {
            command.stdout(side).stderr(Stdio::piped());
        })
    }

    /// One that shows what is said beside the output, which goes elsewhere.
    fn of_notes(words: &[&str]) -> Self {
        Self::with(words, |command, side| {
            command.stdout(Stdio::piped()).stderr(side);
        })
    }

    fn with(words: &[&str], connect: impl FnOnce(&mut Command, File)) -> Self {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let name = ptsname(&screen, Vec::new()).unwrap().into_string().unwrap();
        let side = OpenOptions::new().write(true).open(name).unwrap();
        let mut command = aegis(words);
        connect(command.env("TERM", "xterm"), side);
        Self {
            child: command.spawn().unwrap(),
            screen: File::from(screen),
        }
    }

    fn read_until(&mut self, expected: &str) -> String {
        let _watchdog = Watchdog::of(&self.child);
        let (mut said, mut buffer) = (String::new(), [0; 4096]);
        while !said.contains(expected) {
            let length = self.screen.read(&mut buffer).unwrap_or(0);
            assert_ne!(length, 0, "ended without {expected:?}: {said}");
            said += &String::from_utf8_lossy(&buffer[..length]);
        }
        said
    }

    /// Its exit code, what was on the screen, and what went elsewhere.
    fn ended(mut self) -> (Option<i32>, String, String) {
        let _watchdog = Watchdog::of(&self.child);
        let (mut shown, mut other) = (Vec::new(), String::new());
        // A terminal that nobody writes to any more is an error to read.
        let _ = self.screen.read_to_end(&mut shown);
        if let Some(mut stdout) = self.child.stdout.take() {
            stdout.read_to_string(&mut other).unwrap();
        }
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut other).unwrap();
        }
        let code = self.child.wait().unwrap().code();
        (code, String::from_utf8_lossy(&shown).into_owned(), other)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn binary_values_are_not_shown() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    for (key, value) in [("text", &b"two\nlines"[..]), ("binary", b"\x1b[2J\xff")] {
        let words = ["kv", "put", "--url", &url, "box", key, "-", "--make-bucket"];
        assert!(output_with_input(&words, value).status.success());
    }
    let get = |key| Terminal::start(&["kv", "get", "--url", &url, "box", key]).ended();
    assert_eq!(
        get("text"),
        (Some(0), "two\r\nlines\r\n".to_owned(), String::new())
    );
    let (code, shown, error) = get("binary");
    assert_eq!((code, &*shown), (Some(64), ""), "{error}");
    assert!(
        error.contains("6 bytes") || error.contains("5 bytes"),
        "{error}"
    );
    assert!(error.contains("`> file`"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payloads_are_cut_to_the_terminal() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let payload = format!("{{\"text\":\"{}\"}}", "x".repeat(500));
    let words = ["publish", "a.b", &payload, "--id", "1", "--url", &url];
    assert!(output_with_input(&words, b"").status.success());
    let events = |words: &[&str]| {
        let usual = ["events", "--all", "--count", "1", "--url", &url];
        Terminal::start(&[&usual[..], words].concat()).ended()
    };
    let (code, shown, error) = events(&[]);
    assert_eq!(code, Some(0), "{error}");
    let lengths: Vec<usize> = shown.lines().map(str::len).collect();
    assert_eq!((lengths.len(), lengths[1]), (2, 80), "{shown}");
    assert!(shown.ends_with("xx..\r\n"), "{shown}");
    let (_, shown, _) = events(&["--body", "full"]);
    assert!(shown.ends_with("xx\"}\r\n") && shown.len() > 500, "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_is_a_table_that_is_painted_anew() {
    let mut server = NatsServer::start().await.unwrap();
    let url = server.url();
    let one = Echo::start(&url, "one");
    let mut watch = Terminal::start(&["services", "--watch", "--url", &url]);
    let said = watch.read_until("one  ACTIVE  1.0.0  heard ");
    assert!(said.contains("\u{1b}[H\u{1b}[J"), "{said:?}");
    assert!(
        said.contains("Z  live\r\n\r\necho  1.0.0  1 instance\r\n"),
        "{said:?}"
    );
    watch.read_until("\u{1b}[H\u{1b}[J");
    server.kill().await;
    watch.read_until("STALE: ");
    server.restart().await.unwrap();
    watch.read_until("Z  live\r\n");
    one.signal("-KILL");
    watch.read_until("Nobody is there yet.");
    signal(&watch.child, "-INT");
    assert_eq!(watch.ended().0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_is_a_bar_that_is_painted_over() {
    let server = NatsServer::start().await.unwrap();
    let url = server.url();
    let service = Importer::default();
    let _running = importer(&url, service.clone()).await;
    let import = ["command", "send", "importer", "import", "{\"rows\":9}"];
    let words = [&import[..], &["--wait", "--url", &url]].concat();
    let mut live = Terminal::of_notes(&words);
    let said = live.read_until("[########------------]   42 %  row 8 of\\n9");
    let painted = "\r\u{1b}[?7lRUNNING    attempt 1  [####";
    assert!(said.contains(painted), "{said:?}");
    assert_eq!(said.lines().count(), 2, "one line behind the id: {said:?}");
    service.pace.add_permits(1);
    let (code, shown, out) = live.ended();
    assert_eq!((code, &*out), (Some(0), "\"9 rows\"\n"), "{shown:?}");
    let last = "SUCCEEDED  attempt 1  [####################]  100 %\u{1b}[K\u{1b}[?7h\r\r\n";
    assert!(shown.ends_with(last), "{shown:?}");

    let mut left = Terminal::of_notes(&words);
    left.read_until("42 %");
    signal(&left.child, "-INT");
    let (code, shown, _) = left.ended();
    assert_eq!(code, Some(130), "{shown:?}");
    let left = "\r\nerror: ended by a signal; the job goes on: `aegis command watch";
    assert!(shown.contains(left), "{shown:?}");
}
