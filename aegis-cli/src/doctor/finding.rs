//! What a check found: how bad it is, what is wrong, why it matters, and what mends it.

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Ok,
    /// Nothing to do now, or something that could not be found out.
    Note,
    /// It works, and will not for ever, or loses something when more goes wrong.
    Warning,
    /// Something does not work, or is being lost.
    Problem,
}

impl Level {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// What kind of finding it is, for programs: it keeps its name.
    pub(super) code: &'static str,
    /// The stream, consumer, instance .. that it is about; empty if it is about everything.
    pub(super) about: String,
    pub(super) what: String,
    pub(super) why: String,
    pub(super) mend: String,
}

impl Finding {
    pub(super) fn note(code: &'static str, about: &str, what: impl Into<String>) -> Self {
        Self::new(Level::Note, code, about, what)
    }

    pub(super) fn warning(code: &'static str, about: &str, what: impl Into<String>) -> Self {
        Self::new(Level::Warning, code, about, what)
    }

    pub(super) fn problem(code: &'static str, about: &str, what: impl Into<String>) -> Self {
        Self::new(Level::Problem, code, about, what)
    }

    pub(super) fn new(
        level: Level,
        code: &'static str,
        about: &str,
        what: impl Into<String>,
    ) -> Self {
        Self {
            level,
            code,
            about: about.to_owned(),
            what: what.into(),
            why: String::new(),
            mend: String::new(),
        }
    }

    /// Why it matters.
    pub(super) fn because(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// The command or the setting that mends it.
    pub(super) fn mended_by(mut self, mend: impl Into<String>) -> Self {
        self.mend = mend.into();
        self
    }
}

/// The code of what could not be looked at.
pub(super) const UNASKED: &str = "not_asked";

/// What one group of checks found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Group {
    #[serde(rename = "group")]
    pub(super) name: &'static str,
    pub(super) level: Level,
    /// How it is, in a line.
    pub(super) summary: String,
    pub(super) findings: Vec<Finding>,
}

impl Group {
    pub(super) fn new(
        name: &'static str,
        summary: impl Into<String>,
        mut findings: Vec<Finding>,
    ) -> Self {
        // The worst first; those alike in the order in which they were found.
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        let worst = findings.first().map_or(Level::Ok, |worst| worst.level);
        Self {
            name,
            level: worst,
            summary: summary.into(),
            findings,
        }
    }

    /// One whose question was not answered.
    pub(super) fn unasked(name: &'static str, why: &str) -> Self {
        let finding = Finding::note(UNASKED, "", format!("not looked at: {why}"));
        Self::new(name, "not looked at", vec![finding])
    }
}

/// `1 instance`, `2 instances`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        more => format!("{more} {many}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_as_bad_as_the_worst_that_it_found() {
        let note = || Finding::note("a", "", "a");
        let problem = || Finding::problem("b", "", "b");
        for (findings, level, first) in [
            (vec![], Level::Ok, None),
            (vec![note()], Level::Note, Some("a")),
            (vec![note(), problem(), note()], Level::Problem, Some("b")),
        ] {
            let group = Group::new("x", "", findings);
            assert_eq!(group.level, level);
            assert_eq!(group.findings.first().map(|found| found.code), first);
        }
    }
}
