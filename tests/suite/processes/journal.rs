//! What a process says that happened to it.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aegis_tests::history::now;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// One line of a journal.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line<N> {
    /// By the clock that all processes of a host share.
    pub(crate) at: u64,
    pub(crate) note: N,
}

/// Writes the journal of one process.
#[derive(Debug)]
pub(crate) struct Journal<N> {
    file: Arc<File>,
    notes: PhantomData<fn(N)>,
}

impl<N> Clone for Journal<N> {
    fn clone(&self) -> Self {
        Self {
            file: self.file.clone(),
            notes: PhantomData,
        }
    }
}

/// Where the journal of a process is.
fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.jsonl"))
}

impl<N: Serialize> Journal<N> {
    pub(super) fn open(folder: &Path, name: &str) -> Self {
        let file = File::options().append(true).open(path(folder, name));
        Self {
            file: Arc::new(file.unwrap()),
            notes: PhantomData,
        }
    }

    /// Writes what happened now, in one write to the system: it stays when the process is killed.
    pub(crate) fn write(&self, note: N) {
        let mut bytes = serde_json::to_vec(&Line { at: now(), note }).unwrap();
        bytes.push(b'\n');
        (&*self.file).write_all(&bytes).unwrap();
    }
}

/// Reads a journal while it is written.
#[derive(Debug)]
pub(crate) struct Reader<N> {
    file: BufReader<File>,
    /// A line whose end is not there yet.
    begun: Vec<u8>,
    lines: Vec<Line<N>>,
}

impl<N: DeserializeOwned> Reader<N> {
    /// Begins an empty journal.
    pub(super) fn begin(folder: &Path, name: &str) -> Self {
        let path = path(folder, name);
        File::create_new(&path).unwrap();
        Self {
            file: BufReader::new(File::open(path).unwrap()),
            begun: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Reads what was written meanwhile.
    pub(crate) fn read_on(&mut self) {
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
    pub(crate) fn lines(&self) -> &[Line<N>] {
        &self.lines
    }
}
