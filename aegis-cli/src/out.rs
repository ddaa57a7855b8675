//! What goes to standard output: the only place that writes there; and how texts and times look.

use std::fmt::{Display, Write as _};
use std::io::{self, IsTerminal as _, Write as _};

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use crate::terminal;

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

    /// Writes a line for people to standard error, beside what a program may read here.
    #[expect(clippy::unused_self, reason = "whoever writes is handed this")]
    pub(crate) fn note(&self, text: impl Display) {
        // Nothing can be done about a closed standard error.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Writes to standard error without beginning a line there: what is painted again and again.
    #[expect(clippy::unused_self, reason = "whoever writes is handed this")]
    pub(crate) fn repaint_note(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        // Nothing can be done about a closed standard error.
        let _ = stderr.write_all(text.as_bytes());
        let _ = stderr.flush();
    }

    /// Whether people read standard error, on a terminal that can be painted on.
    #[expect(clippy::unused_self, reason = "whoever writes is handed this")]
    pub(crate) fn paints_notes(&self) -> bool {
        io::stderr().is_terminal() && terminal::can_paint()
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

/// A moment as RFC 3339, always to the millisecond: of the same length on each line.
pub(crate) fn instant(time: OffsetDateTime) -> String {
    let time = time.to_offset(UtcOffset::UTC);
    let millis = time.millisecond();
    let whole = moment(time, false);
    format!("{}.{millis:03}Z", whole.trim_end_matches('Z'))
}

/// So many characters of a text that may be long, and how long it is.
pub(crate) fn cut(text: &str, most: usize) -> String {
    let mut shown: String = text.chars().take(most).collect();
    if shown.len() < text.len() {
        // Writing to a `String` cannot fail.
        let _ = write!(shown, ".. ({} bytes)", text.len());
    }
    shown
}

/// What fits into so many columns.
pub(crate) fn fitted(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let shown: String = text.chars().take(room.saturating_sub(2)).collect();
    format!("{shown}..")
}

/// Names and values below each other, two columns to the right; `-` for a value that says nothing.
pub(crate) fn indented(text: &mut String, rows: impl IntoIterator<Item = (String, String)>) {
    let rows = rows.into_iter();
    let rows: Vec<Vec<String>> = rows
        .map(|(name, value)| vec![plain(&name), plain(said(&value))])
        .collect();
    for row in aligned(&rows) {
        text.push_str("  ");
        text.push_str(&row);
        text.push('\n');
    }
}

/// The text, or `-` if it says nothing.
pub(crate) fn said(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// Cells below each other; columns that are empty in every row take no place.
pub(crate) fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let join = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).filter(|(_, width)| **width > 0);
        let cells: Vec<String> = cells
            .map(|(cell, &width)| format!("{cell:width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(join).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [["one", "", "x"], ["eleven", "", ""]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(aligned(&rows), ["one     x", "eleven"]);
    }

    #[test]
    fn a_moment_has_one_length() {
        for (nanos, shown) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (7_999_999, "1970-01-01T00:00:00.007Z"),
            (1_500_000_000, "1970-01-01T00:00:01.500Z"),
        ] {
            let time = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap();
            assert_eq!(instant(time), shown);
        }
    }

    #[test]
    fn a_long_text_is_cut_and_says_how_long_it_is() {
        assert_eq!(cut("gr\u{fc}n", 4), "gr\u{fc}n");
        assert_eq!(cut("gr\u{fc}ner", 4), "gr\u{fc}n.. (7 bytes)");
    }
}
