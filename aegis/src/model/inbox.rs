//! An effect that is to happen once: what stands under its id, and what an attempt does next.

use serde::{Deserialize, Serialize};

/// The code of the failure that says that another attempt is at it.
pub(crate) const EFFECT_RUNNING: &str = "EFFECT_RUNNING";

/// What stands under an id. The time and the instance are for people; nothing compares them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EffectRecord {
    pub(crate) state: EffectState,
    /// `{inbox}-{attempt}`, both random: who wrote it.
    pub(crate) owner: String,
    pub(crate) instance: String,
    pub(crate) at: String,
}

/// How far an effect is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EffectState {
    /// An attempt has begun: it runs, or died, or was given up.
    Began,
    /// An attempt ended with an error: the effect may have happened, and nobody is at it.
    Failed,
    /// It has happened.
    Done,
}

/// What an attempt finds under the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    /// Its own record: a write landed though its answer was lost, or it was renewed.
    Mine,
    /// An attempt began that cannot be running: it failed, or was dropped in this process.
    Left,
    /// An attempt of somebody else began, who may be dead or alive.
    Others,
    /// The same, and it was heard of just now.
    Alive,
    /// The effect has happened.
    Done,
}

impl Found {
    /// Reads a record as the attempt `{inbox}-{attempt}`.
    pub(crate) fn of(record: &EffectRecord, inbox: &str, attempt: &str) -> Self {
        let owner = record.owner.split_once('-');
        match (record.state, owner) {
            (EffectState::Done, _) => Self::Done,
            (_, Some(found)) if found == (inbox, attempt) => Self::Mine,
            (EffectState::Failed, _) => Self::Left,
            // An inbox has one attempt at an id at a time.
            (EffectState::Began, Some((found, _))) if found == inbox => Self::Left,
            (EffectState::Began, _) => Self::Others,
        }
    }
}

/// How far an attempt is that wants to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It knows what it found.
    Fresh,
    /// What it found has stood still for so long that nobody is at it.
    Waited,
    /// It asked whether the effect has happened: no.
    Denied,
    /// It asked: yes.
    Confirmed,
    /// Somebody was faster.
    Beaten,
}

/// What it does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Writes that it begins, if nothing is there.
    Create,
    /// Looks whether somebody is still at it.
    Wait,
    /// Asks whether the effect has happened.
    Ask,
    /// Writes that it begins, over exactly what it found.
    TakeOver,
    /// Writes that it is done, over exactly what it found; nothing runs.
    Confirm,
    /// Runs the effect.
    Run,
    /// Nothing runs: it was done before.
    Before,
    /// Nothing runs: somebody else is at it.
    Busy,
}

impl Stage {
    /// What follows from what is there; `asks` if it can be asked whether the effect has happened.
    pub(crate) fn next(self, found: Found, asks: bool) -> Step {
        let takes = if asks { Step::Ask } else { Step::TakeOver };
        match (self, found) {
            (_, Found::Done) => Step::Before,
            (Self::Fresh | Self::Waited, Found::Nothing) => Step::Create,
            (Self::Fresh, Found::Others) => Step::Wait,
            (Self::Fresh | Self::Waited, Found::Left) | (Self::Waited, Found::Others) => takes,
            (Self::Denied, Found::Left | Found::Others) => Step::TakeOver,
            (Self::Confirmed, Found::Left | Found::Others) => Step::Confirm,
            (Self::Fresh | Self::Waited | Self::Denied | Self::Beaten, Found::Mine) => Step::Run,
            // It runs only where it is said that it may.
            _ => Step::Busy,
        }
    }
}

/// What an attempt knows whose effect has ended, and whose last write was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The record was renewed: write over that.
    Again,
    /// The write had landed.
    Written,
    /// Somebody has taken the record over, or it is gone: the effect may happen twice.
    Lost,
}

impl Ended {
    /// Judges what stands there by its owner, `{inbox}-{attempt}`.
    pub(crate) fn of(record: Option<&EffectRecord>, owner: &str) -> Self {
        match record.filter(|record| record.owner == owner) {
            None => Self::Lost,
            Some(record) if record.state == EffectState::Began => Self::Again,
            Some(_) => Self::Written,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(state: EffectState, owner: &str) -> EffectRecord {
        EffectRecord {
            state,
            owner: owner.to_owned(),
            instance: "billing-1".to_owned(),
            at: "2026-01-01T00:00:00Z".to_owned(),
        }
    }

    #[test]
    fn a_record_says_who_is_at_it() {
        use EffectState::{Began, Done, Failed};
        for (state, owner, expected) in [
            (Began, "me-1", Found::Mine),
            (Began, "me-2", Found::Left),
            (Began, "you-1", Found::Others),
            (Began, "", Found::Others),
            (Began, "me", Found::Others),
            (Failed, "me-1", Found::Mine),
            (Failed, "me-2", Found::Left),
            (Failed, "you-1", Found::Left),
            (Done, "me-1", Found::Done),
            (Done, "you-1", Found::Done),
        ] {
            let found = Found::of(&record(state, owner), "me", "1");
            assert_eq!(found, expected, "{state:?} of {owner:?}");
        }
    }

    #[test]
    fn nothing_runs_over_what_may_be_alive_or_may_have_happened() {
        use Found::{Alive, Done, Left, Mine, Nothing, Others};
        use Stage::{Beaten, Confirmed, Denied, Fresh, Waited};
        use Step::{Ask, Before, Busy, Confirm, Create, Run, TakeOver, Wait};
        // Nothing, Mine, Left, Others, Alive, Done.
        let rows = [
            (
                Fresh,
                [Create, Run, Ask, Wait, Busy, Before],
                [Create, Run, TakeOver, Wait, Busy, Before],
            ),
            (
                Waited,
                [Create, Run, Ask, Ask, Busy, Before],
                [Create, Run, TakeOver, TakeOver, Busy, Before],
            ),
            (
                Denied,
                [Busy, Run, TakeOver, TakeOver, Busy, Before],
                [Busy, Run, TakeOver, TakeOver, Busy, Before],
            ),
            (
                Confirmed,
                [Busy, Busy, Confirm, Confirm, Busy, Before],
                [Busy, Busy, Confirm, Confirm, Busy, Before],
            ),
            (
                Beaten,
                [Busy, Run, Busy, Busy, Busy, Before],
                [Busy, Run, Busy, Busy, Busy, Before],
            ),
        ];
        for (stage, asking, not_asking) in rows {
            let founds = [Nothing, Mine, Left, Others, Alive, Done];
            for (at, found) in founds.into_iter().enumerate() {
                let shown = format!("{stage:?} and {found:?}");
                assert_eq!(stage.next(found, true), asking[at], "{shown}, asking");
                assert_eq!(stage.next(found, false), not_asking[at], "{shown}");
            }
        }
    }

    #[test]
    fn a_refused_last_write_is_judged_by_what_stands_there() {
        use EffectState::{Began, Done, Failed};
        for (found, expected) in [
            (None, Ended::Lost),
            (Some((Began, "me-1")), Ended::Again),
            (Some((Failed, "me-1")), Ended::Written),
            (Some((Done, "me-1")), Ended::Written),
            (Some((Began, "me-2")), Ended::Lost),
            (Some((Done, "you-1")), Ended::Lost),
        ] {
            let found = found.map(|(state, owner)| record(state, owner));
            assert_eq!(Ended::of(found.as_ref(), "me-1"), expected, "{found:?}");
        }
    }
}
