//! A table that is painted again and again on a terminal.

use crate::terminal;

/// Clears from the upper left corner on.
const CLEAR: &str = "\u{1b}[H\u{1b}[J";

/// The text in place of what is on the screen.
pub(super) fn painted(text: &str) -> String {
    let (columns, rows) = terminal::size();
    format!("{CLEAR}{}", fitted(text, columns, rows))
}

/// What fits on the screen: longer lines are cut, further ones are counted.
fn fitted(text: &str, columns: usize, rows: usize) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.chars().take(columns).collect())
        .collect();
    let most = rows.saturating_sub(1).max(1);
    if lines.len() <= most {
        return lines.join("\n");
    }
    let shown = &lines[..most.saturating_sub(1)];
    let more = lines.len() - shown.len();
    format!("{}\n.. {more} more lines", shown.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_and_counted() {
        assert_eq!(fitted("one\ntwo", 80, 24), "one\ntwo");
        assert_eq!(fitted("a long line\nb", 6, 24), "a long\nb");
        assert_eq!(fitted("1\n2\n3\n4\n5", 80, 4), "1\n2\n.. 3 more lines");
        assert_eq!(fitted("1\n2\n3", 80, 0), "\n.. 3 more lines");
    }
}
