//! Histories as short as the tables that they stand in. They go through text, as those of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::line::{What, read_file};
use super::super::recorder::line_of;
use super::super::{History, HistoryError, Invariant, Limits};

/// Who says it, when, and what.
pub(super) type Said = (&'static str, u64, What);

pub(super) const LIMITS: Limits = Limits {
    fault_grace: Duration::from_nanos(50),
    leader_within: Duration::from_nanos(100),
    call_grace: Duration::from_nanos(10),
};

/// One file for each process.
pub(super) fn history(said: &[Said]) -> Result<History, HistoryError> {
    let mut files: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for (process, at, what) in said {
        let file = files.entry(process).or_default();
        file.extend(line_of(*at, process, what.clone()));
    }
    let mut lines = Vec::new();
    for (process, bytes) in files {
        lines.extend(read_file(&format!("{process}.jsonl"), &bytes)?);
    }
    History::of(lines)
}

/// Which promises are broken, one word for each violation.
pub(super) fn broken(said: &[Said]) -> Vec<Invariant> {
    let found = history(said).unwrap().violations(&LIMITS);
    for violation in &found {
        let text = violation.to_string();
        let name = format!("{:?} (", violation.invariant);
        assert!(text.starts_with(&name), "by name: {text}");
        assert!(text.contains(".jsonl:"), "with its lines: {text}");
    }
    found.iter().map(|violation| violation.invariant).collect()
}

/// A situation, what is said, and which violations are found: none, or exactly these.
pub(super) type Row = (&'static str, Vec<Said>, &'static [Invariant]);

pub(super) fn judged(rows: Vec<Row>) {
    for (situation, said, expected) in rows {
        assert_eq!(broken(&said), expected, "{situation}");
    }
}

pub(super) fn lead(process: &'static str, at: u64, epoch: u64, until: u64) -> Said {
    (process, at, What::Lead { epoch, until })
}

pub(super) fn over(process: &'static str, at: u64, epoch: u64) -> Said {
    (process, at, What::Over { epoch })
}

/// An act on one key, between two times.
pub(super) fn act(
    process: &'static str,
    (asked, at): (u64, u64),
    epoch: u64,
    (key, value): (&str, u64),
) -> Said {
    let key = key.to_owned();
    let what = What::Act {
        epoch,
        value,
        key,
        asked,
    };
    (process, at, what)
}

/// A call of the client that may end until 100 after its begin.
pub(super) fn invoke(at: u64, id: u64) -> Said {
    let (key, deadline) = (String::new(), at + 100);
    ("client", at, What::Invoke { id, key, deadline })
}

pub(super) fn ok(at: u64, id: u64, value: u64) -> Said {
    ("client", at, What::Ok { id, value })
}

pub(super) fn failed(at: u64, id: u64, nothing_ran: bool) -> Said {
    ("client", at, What::Failed { id, nothing_ran })
}

pub(super) fn total(at: u64, value: u64) -> Said {
    let key = String::new();
    ("client", at, What::Final { key, value })
}

pub(super) fn fault(from: u64, to: u64) -> Said {
    let name = "kill -9".to_owned();
    ("test", to, What::Fault { name, from, to })
}
