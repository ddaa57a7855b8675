//! Every process of a run writes what happens to it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::line::{Line, What};

/// Writes the lines of one process into a file of its own. Cheap to clone.
///
/// A line is one write to the system: what was written stays when the process is killed.
///
/// ```no_run
/// # fn act() -> u64 { 1 }
/// use aegis_tests::history::{Recorder, What, now};
///
/// let recorder = Recorder::create("/run/of/today".as_ref(), "node-1");
/// recorder.write(What::Lead { epoch: 7, until: now() + 750_000_000 });
/// let asked = now();
/// let value = act();
/// recorder.write(What::Act { epoch: 7, value, key: String::new(), asked });
/// ```
#[derive(Debug, Clone)]
pub struct Recorder {
    process: Arc<str>,
    file: Arc<File>,
}

impl Recorder {
    /// Begins a file in that folder, which exists. The process is called as said here, with its
    /// number: one that is started again is another one.
    pub fn create(folder: &Path, name: &str) -> Self {
        let process = format!("{name}-{}", std::process::id());
        let path = folder.join(format!("{process}.jsonl"));
        // Never one that is there: a torn line in the middle could not be told from nonsense.
        let file = File::options().append(true).create_new(true).open(&path);
        let file = file.unwrap_or_else(|error| panic!("cannot begin {}: {error}", path.display()));
        Self {
            process: process.into(),
            file: Arc::new(file),
        }
    }

    /// How the lines name this process.
    pub fn process(&self) -> &str {
        &self.process
    }

    /// Writes what happened now.
    pub fn write(&self, what: What) {
        self.write_at(now(), what);
    }

    /// Writes what happened at a time that was taken before with [`now`].
    pub fn write_at(&self, at: u64, what: What) {
        let bytes = line_of(at, &self.process, what);
        (&*self.file).write_all(&bytes).expect("room for a history");
    }
}

/// One line with its end.
pub(super) fn line_of(at: u64, process: &str, what: What) -> Vec<u8> {
    let line = Line::new(at, process, what);
    let mut bytes = serde_json::to_vec(&line).expect("a line of JSON");
    bytes.push(b'\n');
    bytes
}

/// The host's clock since it was booted, in nanoseconds: all processes of one host share it, and it
/// goes on while they or the host stand still.
pub fn now() -> u64 {
    super::nanoseconds(since_boot())
}

#[cfg(unix)]
fn since_boot() -> std::time::Duration {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    time.try_into().expect("a time since boot is not negative")
}

/// Here processes share no clock but that of the wall: nobody may set it during a run.
#[cfg(not(unix))]
fn since_boot() -> std::time::Duration {
    let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    time.expect("a wall clock after 1970")
}
