//! How a job goes, told while it does: one line with a bar that is painted again and again, or a line for
//! each change where nothing can be painted.

use std::time::Duration;

use aegis::{JobState, JobStatus};
use tokio::time::Instant;

use super::show::{percent, standing};
use crate::out::{Out, fitted, now, plain};
use crate::terminal;

/// Between two lines about nothing but progress.
const PAUSE: Duration = Duration::from_secs(1);
/// The cells of the bar.
const CELLS: u32 = 20;
/// Back to the first column, where a line that is too long is cut instead of wrapped: wrapped it could
/// not be painted over.
const BEGIN: &str = "\r\u{1b}[?7l";
/// Removes what is left of a longer line, and goes back: a line of the log begins in its place then.
const END: &str = "\u{1b}[K\u{1b}[?7h\r";

/// Tells how a job goes.
pub(super) struct Live<'a> {
    out: &'a Out,
    style: Style,
}

enum Style {
    /// What is painted; empty before anything is.
    Bar(String),
    Lines(Pace),
    Json,
}

/// A change that is told at once: state, attempt, and whether it is being cancelled.
type Stage = (JobState, u32, bool);

/// When what is a line.
#[derive(Default)]
struct Pace {
    told: Option<(Stage, Instant)>,
    /// The newest of what was not told, as it came too soon.
    late: Option<String>,
}

impl<'a> Live<'a> {
    pub(super) fn new(out: &'a Out, json: bool) -> Self {
        let style = if json {
            Style::Json
        } else if out.paints_notes() {
            Style::Bar(String::new())
        } else {
            Style::Lines(Pace::default())
        };
        Self { out, style }
    }

    pub(super) fn tell(&mut self, status: &JobStatus) -> anyhow::Result<()> {
        match &mut self.style {
            Style::Json => self.out.line(serde_json::to_string(status)?)?,
            Style::Bar(painted) => {
                *painted = bar(status);
                self.out.repaint_note(&on_one_row(painted));
            }
            Style::Lines(pace) => {
                let stage = (status.state, status.attempt, status.cancelling);
                if let Some(line) = pace.take(stage, line(status), Instant::now()) {
                    self.out.note(line);
                }
            }
        }
        Ok(())
    }

    /// Waits until something is to be said although nothing new happened.
    pub(super) async fn due(&self) {
        match &self.style {
            Style::Lines(Pace {
                told: Some((_, at)),
                late: Some(_),
            }) => tokio::time::sleep_until(*at + PAUSE).await,
            _ => std::future::pending().await,
        }
    }

    /// Says it.
    pub(super) fn overdue(&mut self) {
        if let Style::Lines(pace) = &mut self.style
            && let Some(line) = pace.rest(Instant::now())
        {
            self.out.note(line);
        }
    }

    /// Says something else.
    pub(super) fn note(&self, text: &str) {
        match &self.style {
            Style::Bar(painted) => {
                let row = on_one_row(painted);
                self.out.repaint_note(&format!("\r\u{1b}[K{text}\n{row}"));
            }
            Style::Lines(_) => self.out.note(format_args!("{}  {text}", now())),
            Style::Json => self.out.note(text),
        }
    }

    /// What follows begins on a line of its own.
    pub(super) fn end(&self) {
        if let Style::Bar(painted) = &self.style
            && !painted.is_empty()
        {
            // Once more: a key may be shown in its place.
            self.out.repaint_note(&(on_one_row(painted) + "\n"));
        }
    }
}

impl Pace {
    /// What is said now: a change of stage at once, progress only if the last line is old enough.
    fn take(&mut self, stage: Stage, line: String, now: Instant) -> Option<String> {
        let soon = |(told, at): &(Stage, Instant)| *told == stage && now < *at + PAUSE;
        if self.told.as_ref().is_some_and(soon) {
            self.late = Some(line);
            return None;
        }
        self.told = Some((stage, now));
        self.late = None;
        Some(line)
    }

    /// What was kept back.
    fn rest(&mut self, now: Instant) -> Option<String> {
        if let Some((_, at)) = &mut self.told {
            *at = now;
        }
        self.late.take()
    }
}

fn on_one_row(text: &str) -> String {
    let columns = terminal::size_of_errors().0;
    format!("{BEGIN}{}{END}", fitted(text, columns))
}

/// `2026-01-01T00:00:00Z  RUNNING    attempt 1   42 %  row 8`.
fn line(status: &JobStatus) -> String {
    let (attempt, percent) = (attempt(status.attempt), percent(status));
    let percent = percent.map(|percent| format!("{:>3} %", percent.floor()));
    joined(now(), status, [attempt, percent])
}

/// `RUNNING    attempt 1  [########------------]   42 %  row 8`.
fn bar(status: &JobStatus) -> String {
    let (attempt, percent) = (attempt(status.attempt), percent(status));
    let bar = percent.map(|percent| format!("{}  {:>3} %", cells(percent), percent.floor()));
    joined(String::new(), status, [attempt, bar])
}

fn joined(before: String, status: &JobStatus, facts: [Option<String>; 2]) -> String {
    let state = format!("{:9}", status.state);
    let text = plain(&standing(status));
    let before = Some(before).filter(|before| !before.is_empty());
    let all = [before, Some(state)].into_iter().chain(facts);
    let all = all.chain([Some(text)]).flatten();
    all.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

fn attempt(attempt: u32) -> Option<String> {
    (attempt > 0).then(|| format!("attempt {attempt}"))
}

fn cells(percent: f64) -> String {
    let cell = |cell| {
        let done = f64::from(cell) * 100.0 <= percent * f64::from(CELLS);
        if done { '#' } else { '-' }
    };
    format!("[{}]", (1..=CELLS).map(cell).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_when_all_is_done_and_no_sooner() {
        for (percent, shown) in [
            (0.0, "[--------------------]"),
            (4.9, "[--------------------]"),
            (5.0, "[#-------------------]"),
            (42.0, "[########------------]"),
            (99.99, "[###################-]"),
            (100.0, "[####################]"),
        ] {
            assert_eq!(cells(percent), shown, "{percent}");
        }
    }

    #[test]
    fn stages_are_told_at_once_and_progress_once_a_second() {
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        let running = (JobState::Running, 1, false);
        let mut pace = Pace::default();
        let mut take = |stage, line: &str, ms| pace.take(stage, line.to_owned(), at(ms)).is_some();
        assert!(take((JobState::Queued, 0, false), "0", 0));
        assert!(take(running, "1", 1));
        assert!(!take(running, "2", 2));
        assert!(!take(running, "3", 1000));
        assert!(take(running, "4", 1001));
        assert!(!take(running, "5", 1500));
        assert!(take((JobState::Running, 1, true), "6", 1501));
        assert!(!take((JobState::Running, 1, true), "7", 1600));
        assert_eq!(pace.rest(at(2501)).as_deref(), Some("7"));
        assert_eq!(pace.rest(at(2502)), None);
    }
}
