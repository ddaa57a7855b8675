//! How the findings look: a line for each group that is well, and more for what is not.

use serde::Serialize;

use super::clean::Cleaned;
use super::finding::{Finding, Group, Level, count};
use crate::out::aligned;

/// What `--json` writes.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    pub(super) server: &'a str,
    pub(super) level: Level,
    pub(super) problems: usize,
    pub(super) warnings: usize,
    pub(super) groups: &'a [Group],
    /// What `--clean` did.
    pub(super) cleaned: &'a [Cleaned],
}

impl<'a> Report<'a> {
    pub(super) fn of(server: &'a str, groups: &'a [Group], cleaned: &'a [Cleaned]) -> Self {
        let all = || groups.iter().flat_map(|group| &group.findings);
        let number = |level: Level| all().filter(|finding| finding.level == level).count();
        Self {
            server,
            level: groups
                .iter()
                .map(|group| group.level)
                .max()
                .unwrap_or(Level::Ok),
            problems: number(Level::Problem),
            warnings: number(Level::Warning),
            groups,
            cleaned,
        }
    }

    /// The same for people, line by line.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for group in self.groups {
            let row = |level: Level, text: &str| {
                vec![
                    level.word().to_owned(),
                    group.name.to_owned(),
                    text.to_owned(),
                ]
            };
            if group.findings.is_empty() {
                rows.push(row(Level::Ok, &group.summary));
            }
            for finding in &group.findings {
                rows.push(row(finding.level, &finding.what));
                rows.extend(details(finding));
            }
        }
        let mut lines = aligned(&rows);
        lines.extend(self.cleaned.iter().map(Cleaned::line));
        lines.push(self.sum());
        lines
    }

    fn sum(&self) -> String {
        if (self.problems, self.warnings) == (0, 0) {
            return "no problems".to_owned();
        }
        format!(
            "{}, {}",
            count(self.problems, "problem", "problems"),
            count(self.warnings, "warning", "warnings")
        )
    }
}

fn details(finding: &Finding) -> impl Iterator<Item = Vec<String>> {
    let why = ("why", &finding.why);
    // A note needs nothing to be done.
    let rows = if finding.level == Level::Note {
        vec![("do", &finding.mend)]
    } else {
        vec![why, ("do", &finding.mend)]
    };
    let said = rows.into_iter().filter(|(_, text)| !text.is_empty());
    said.map(|(name, text)| vec![String::new(), format!("  {name}"), text.clone()])
}
