//! One line of a history, and the files they stand in.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What one process says that happened at one time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Nanoseconds of the host's clock since it was booted.
    pub at: u64,
    /// Who says so: another name after each start.
    pub process: String,
    /// What happened.
    pub what: What,
    /// File, number and text.
    #[serde(skip)]
    shown: String,
}

/// What may happen. All times are nanoseconds of the clock since boot, as [`now`](super::now).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum What {
    /// This process leads: a leadership began or was extended.
    Lead {
        /// Which leadership.
        epoch: u64,
        /// Until when the lease is valid, as far as is known now.
        until: u64,
    },
    /// This process leads no longer: stamped when its gate was closed, so before the lease is
    /// released.
    Over {
        /// Which leadership.
        epoch: u64,
    },
    /// A guarded effect was accepted; the line's stamp is taken when that was known.
    Act {
        /// The epoch it was asked for with.
        epoch: u64,
        /// What the store made of it: greater than what it made of the acts on that key before.
        value: u64,
        /// What it was done to; nothing if a run has one such thing. If clients count with it, it
        /// is their key, and `value` is the counter's.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        key: String,
        /// When it was asked for: the store accepted it between then and the line's stamp.
        asked: u64,
    },
    /// A guarded effect was refused.
    Refused {
        /// The epoch it was asked for with.
        epoch: u64,
    },
    /// A client asks a counter for its next value. Stamped before anything is sent.
    ///
    /// One attempt: who tries again after an unknown outcome writes another one.
    Invoke {
        /// Which call of this process.
        id: u64,
        /// Which counter; nothing if a run has one.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        key: String,
        /// When the call is to end.
        deadline: u64,
    },
    /// The call returned a value. Stamped after that.
    Ok {
        /// Which call of this process.
        id: u64,
        /// The counter's value after this call: the first one makes it 1.
        value: u64,
    },
    /// The call failed.
    Failed {
        /// Which call of this process.
        id: u64,
        /// Whether it is certain that the counter was not touched.
        nothing_ran: bool,
    },
    /// A counter at the end of the run, read when nobody counts any more.
    Final {
        /// Which counter.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        key: String,
        /// Its value.
        value: u64,
    },
    /// A fault, also a start or a stop that was intended. Written by whoever made it.
    Fault {
        /// What it was.
        name: String,
        /// When it began.
        from: u64,
        /// When it was over.
        to: u64,
    },
}

impl Line {
    pub(super) fn new(at: u64, process: &str, what: What) -> Self {
        Self {
            at,
            process: process.to_owned(),
            what,
            shown: String::new(),
        }
    }

    /// File, number and text.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// What cannot be, if it is said.
    fn contradiction(&self) -> Option<&'static str> {
        match &self.what {
            What::Act { asked, .. } if *asked > self.at => {
                Some("it was accepted before it was asked for")
            }
            What::Fault { from, to, .. } if from > to => Some("it ends before it begins"),
            _ => None,
        }
    }
}

/// Why there is no history to judge.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A file or the folder.
    #[error("cannot read {}: check that the run wrote there", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line that is not the torn end of a file.
    #[error("cannot read {place}: one `Recorder` writes one file: {source}")]
    Line {
        /// File, number and text.
        place: String,
        /// Why.
        source: serde_json::Error,
    },
    /// A line that cannot be true, alone or with others.
    #[error("{place}: {why}; mend who writes it")]
    Contradiction {
        /// File, number and text.
        place: String,
        /// Why.
        why: &'static str,
    },
    /// Nobody said anything.
    #[error("there is no line: a run without words proves nothing; check its folder")]
    Empty,
}

/// The lines of all files of a folder.
pub(super) fn read_folder(folder: &Path) -> Result<Vec<Line>, HistoryError> {
    let of = |path: &Path| {
        let path = path.to_owned();
        |source| HistoryError::File { path, source }
    };
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(of(folder))? {
        let path = entry.map_err(of(folder))?.path();
        let bytes = std::fs::read(&path).map_err(of(&path))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        lines.extend(read_file(&name, &bytes)?);
    }
    Ok(lines)
}

/// The lines of one file. Bytes, as a torn line may end within a character.
pub(super) fn read_file(name: &str, bytes: &[u8]) -> Result<Vec<Line>, HistoryError> {
    let mut lines = Vec::new();
    for (index, text) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let shown = String::from_utf8_lossy(text);
        let place = format!("{name}:{}: {}", index + 1, shown.trim_end());
        // Only the last one can have no end.
        let whole = text.ends_with(b"\n");
        let mut line: Line = match serde_json::from_slice(text) {
            Ok(line) => line,
            Err(_) if !whole => break,
            Err(source) => return Err(HistoryError::Line { place, source }),
        };
        if let Some(why) = line.contradiction() {
            return Err(HistoryError::Contradiction { place, why });
        }
        line.shown = place;
        lines.push(line);
    }
    Ok(lines)
}
