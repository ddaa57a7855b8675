//! What is written can be read, also after a kill; what is nonsense is an error.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::super::line::read_file;
use super::super::{History, HistoryError, Limits, Recorder, What, now};
use super::story::{Said, act, failed, history, invoke, lead, ok};

/// A run of one leader and one client, as a test would write it.
fn record(folder: &Path) {
    let (leader, client) = (Recorder::create(folder, "a"), Recorder::create(folder, "ü"));
    let (key, long) = (String::new(), 60_000_000_000);
    let until = now() + long;
    leader.write(What::Lead { epoch: 7, until });
    for id in 1..=3 {
        let (key, deadline) = (key.clone(), now() + long);
        client.write(What::Invoke { id, key, deadline });
        let (key, asked) = (String::new(), now());
        leader.clone().write(What::Act {
            epoch: 7,
            value: id,
            key,
            asked,
        });
        client.write(What::Ok { id, value: id });
    }
    leader.write(What::Refused { epoch: 6 });
    client.write(What::Final { key, value: 3 });
    let (name, from) = ("nothing".to_owned(), now());
    client.write_at(
        from,
        What::Fault {
            name,
            from,
            to: from,
        },
    );
    leader.write(What::Lead { epoch: 7, until });
}

#[test]
fn what_recorders_write_is_read_in_the_order_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let before = now();
    record(folder.path());
    let history = History::read(folder.path()).unwrap();
    history.assert_kept(&Limits::default());
    let lines = history.lines();
    assert_eq!(lines.len(), 14);
    assert!(lines.is_sorted_by_key(|line| line.at));
    assert!(lines.iter().all(|line| (before..=now()).contains(&line.at)));
    let refused = lines
        .iter()
        .find(|line| matches!(line.what, What::Refused { epoch: 6 }));
    assert_eq!(
        refused.unwrap().process,
        format!("a-{}", std::process::id())
    );
}

#[test]
fn the_clock_goes_on_and_a_second_recorder_of_one_name_is_a_mistake() {
    let start = now();
    std::thread::sleep(Duration::from_millis(1));
    assert!(now() >= start + 1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let _first = Recorder::create(folder.path(), "a");
    let again = std::panic::catch_unwind(|| Recorder::create(folder.path(), "a"));
    assert!(again.is_err());
}

#[test]
fn a_file_may_be_torn_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path());
    for entry in fs::read_dir(folder.path()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        for length in 0..=bytes.len() {
            let torn = &bytes[..length];
            // The end of the line itself is all that may be missing.
            let without_end = bytes.get(length) == Some(&b'\n');
            let ends = torn.split(|byte| *byte == b'\n').count() - 1;
            let lines = read_file("torn", torn).unwrap();
            assert_eq!(lines.len(), ends + usize::from(without_end), "{length}");
        }
    }
}

#[test]
#[ignore = "the process that the test below kills"]
fn writes_until_it_is_killed() {
    let folder = std::env::var("AEGIS_TEST_HISTORY").unwrap();
    let recorder = Recorder::create(folder.as_ref(), "victim");
    for epoch in 1.. {
        recorder.write(What::Over { epoch });
    }
}

#[test]
fn what_a_killed_process_wrote_is_there_without_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let module = module_path!().split_once("::").unwrap().1;
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact"])
        .arg(format!("{module}::writes_until_it_is_killed"))
        .env("AEGIS_TEST_HISTORY", folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let lines = || History::read(folder.path()).map_or(0, |history| history.lines().len());
    while lines() < 100 {
        assert!(start.elapsed() < crate::PATIENCE, "it writes nothing");
        std::thread::sleep(Duration::from_millis(5));
    }
    victim.kill().unwrap();
    victim.wait().unwrap();
    let history = History::read(folder.path()).unwrap();
    let process = format!("victim-{}", victim.id());
    for (line, epoch) in history.lines().iter().zip(1..) {
        assert_eq!(line.what, What::Over { epoch });
        assert_eq!(line.process, process);
    }
}

const GOOD: &str = r#"{"at":1,"process":"a","what":{"over":{"epoch":1}}}"#;

#[test]
fn what_cannot_be_read_is_an_error_with_its_place() {
    let torn = &GOOD[..20];
    for (situation, bad) in [
        ("torn in the middle", torn),
        ("written by two at once", &[torn, GOOD].concat()),
        ("empty", ""),
        ("no such event", &GOOD.replace("over", "left")),
        (
            "a field too many",
            &GOOD.replace("\"epoch\"", "\"x\":1,\"epoch\""),
        ),
        ("a field too few", &GOOD.replace("\"epoch\":1", "")),
        ("a word too many", &GOOD.replace("\"at\"", "\"x\":1,\"at\"")),
        ("a negative time", &GOOD.replace("\"at\":1", "\"at\":-1")),
        ("no text", "\u{0}\u{0}"),
    ] {
        for last in [GOOD, "{\"at", ""] {
            let file = format!("{GOOD}\n{bad}\n{last}");
            let error = read_file("a.jsonl", file.as_bytes()).unwrap_err();
            assert!(matches!(error, HistoryError::Line { .. }), "{situation}");
            let text = error.to_string();
            assert!(text.contains("a.jsonl:2: "), "{situation}: {text}");
        }
    }
}

#[test]
fn what_contradicts_itself_is_an_error() {
    let fault_backwards = (
        "test",
        20,
        What::Fault {
            name: String::new(),
            from: 9,
            to: 8,
        },
    );
    let other = |(_, at, what): Said| ("other", at, what);
    let rows: [(Vec<Said>, &str); 7] = [
        (
            vec![act("a", (11, 10), 1, ("x", 1))],
            "before it was asked for",
        ),
        (vec![fault_backwards], "ends before it begins"),
        (vec![invoke(0, 1), invoke(1, 1)], "had such a call before"),
        (vec![ok(0, 1, 1)], "no call of this process began"),
        (
            vec![invoke(1, 1), ok(0, 1, 1)],
            "no call of this process began",
        ),
        (
            vec![invoke(0, 1), other(ok(1, 1, 1))],
            "no call of this process began",
        ),
        (
            vec![invoke(0, 1), ok(1, 1, 1), failed(2, 1, true)],
            "has ended before",
        ),
    ];
    for (said, why) in rows {
        let error = history(&said).unwrap_err();
        assert!(matches!(error, HistoryError::Contradiction { .. }));
        let text = error.to_string();
        assert!(text.contains(why) && text.contains(".jsonl:"), "{text}");
    }
    // Two processes may number their calls alike.
    history(&[
        invoke(0, 1),
        other(invoke(1, 1)),
        other(ok(2, 1, 1)),
        lead("a", 0, 1, 9),
    ])
    .unwrap();
}

#[test]
fn no_words_are_no_proof() {
    let folder = tempfile::tempdir().unwrap();
    let error = History::read(folder.path()).unwrap_err();
    assert!(matches!(error, HistoryError::Empty), "{error}");
    let error = History::read(&folder.path().join("nowhere")).unwrap_err();
    assert!(matches!(error, HistoryError::File { .. }), "{error}");
    fs::create_dir(folder.path().join("folder")).unwrap();
    let error = History::read(folder.path()).unwrap_err();
    assert!(error.to_string().contains("folder"), "{error}");
}
