//! What goes to standard output: the only place that writes there.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

/// Standard output, line by line. A line is written at once, also into a pipe.
#[derive(Debug)]
pub(crate) struct Out(io::Stdout);

impl Out {
    /// Standard output of this process.
    pub(crate) fn new() -> Self {
        Self(io::stdout())
    }

    /// Writes a line.
    pub(crate) fn line(&self, text: impl Display) -> io::Result<()> {
        let mut stdout = self.0.lock();
        writeln!(stdout, "{text}")?;
        stdout.flush()
    }

    /// Writes an empty line and a headline.
    pub(crate) fn section(&self, text: impl Display) -> io::Result<()> {
        self.line("")?;
        self.line(text)
    }

    /// Whether people read it, rather than a program.
    pub(crate) fn is_terminal(&self) -> bool {
        self.0.is_terminal()
    }
}
