//! What a process says that happened to it.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;

/// What may happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Note {
    /// The stream holds it.
    Published {
        id: String,
        sequence: u64,
        /// It did already.
        duplicate: bool,
    },
    /// It was not published, as far as is known; it is published again.
    Unpublished {
        id: String,
        kind: String,
        was_sent: bool,
    },
    /// It was handled, and is about to be acknowledged.
    Handled { id: String, attempt: u64 },
    /// It had its effect already, and has no second one.
    HadEffect { id: String },
    /// It was not handled, and is to be delivered again.
    Failed { id: String, why: String },
}

/// One line of a journal.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    /// By the clock that all processes of a host share.
    pub(super) at: u64,
    pub(super) note: Note,
}

/// Writes the journal of one process. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Journal(Arc<File>);

impl Journal {
    /// Where the journal of a process is.
    pub(super) fn path(folder: &Path, name: &str) -> PathBuf {
        folder.join(format!("{name}.jsonl"))
    }

    pub(super) fn open(folder: &Path, name: &str) -> Self {
        let file = File::options().append(true).open(Self::path(folder, name));
        Self(Arc::new(file.unwrap()))
    }

    /// Writes what happened now, in one write to the system: it stays when the process is killed.
    pub(super) fn write(&self, note: Note) {
        let mut bytes = serde_json::to_vec(&Line { at: now(), note }).unwrap();
        bytes.push(b'\n');
        (&*self.0).write_all(&bytes).unwrap();
    }
}

/// Reads a journal while it is written.
#[derive(Debug)]
pub(super) struct Reader {
    file: BufReader<File>,
    /// A line whose end is not there yet.
    begun: Vec<u8>,
    lines: Vec<Line>,
}

impl Reader {
    /// Begins an empty journal.
    pub(super) fn begin(folder: &Path, name: &str) -> Self {
        let path = Journal::path(folder, name);
        File::create_new(&path).unwrap();
        Self {
            file: BufReader::new(File::open(path).unwrap()),
            begun: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Reads what was written meanwhile.
    pub(super) fn read_on(&mut self) {
        while self.file.read_until(b'\n', &mut self.begun).unwrap() > 0 {
            if self.begun.last() != Some(&b'\n') {
                return;
            }
            self.lines
                .push(serde_json::from_slice(&self.begun).unwrap());
            self.begun.clear();
        }
    }

    /// All that was read so far.
    pub(super) fn lines(&self) -> &[Line] {
        &self.lines
    }
}
