//! What goes to standard output: the only place that writes there.

use std::fmt::{Display, Write as _};
use std::io::{self, IsTerminal as _, Write as _};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

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

    /// Writes bytes as they are.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stdout = self.0.lock();
        stdout.write_all(bytes)?;
        stdout.flush()
    }

    /// Whether people read it, rather than a program.
    pub(crate) fn is_terminal(&self) -> bool {
        self.0.is_terminal()
    }
}

/// A text from elsewhere on one line: what could move the cursor, or begin a line, is escaped.
pub(crate) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            // Writing to a `String` cannot fail.
            let _ = write!(shown, "{}", c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A moment as RFC 3339, to the second unless `fine`.
pub(crate) fn moment(time: OffsetDateTime, fine: bool) -> String {
    let time = if fine {
        time
    } else {
        time.replace_nanosecond(0).unwrap_or(time)
    };
    // Only years beyond 9999 cannot be written.
    time.format(&Rfc3339).unwrap_or_default()
}

/// The present as RFC 3339, to the second.
pub(crate) fn now() -> String {
    moment(OffsetDateTime::now_utc(), false)
}
