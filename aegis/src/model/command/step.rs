//! A step of a command that is to happen once: what stands of it, and what an attempt does next.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What stands of a step in the record of its job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub(crate) enum StepRecord {
    /// An attempt began it; 0 is one of before the job was brought back, by somebody who has looked
    /// what became of it.
    Began { attempt: u32 },
    /// It has happened: this came of it.
    Done { result: Value },
}

/// What is known about a step that was begun, when nobody said how that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepWay {
    /// Nothing: it may not be run again.
    Once,
    /// To run it twice does no harm.
    Idempotent,
    /// It can be asked whether it has happened.
    Asks,
}

/// What an attempt does next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StepFound {
    /// Writes that it begins, and runs it.
    Run,
    /// Asks whether it has happened.
    Ask,
    /// It has happened.
    Done(Value),
    /// That attempt began it, and nobody knows whether it has happened.
    Unknown { attempt: u32 },
}

impl StepRecord {
    /// Its job is brought back: who cannot ask whether it has happened takes it again.
    pub(crate) fn bring_back(&mut self) {
        if let Self::Began { attempt } = self {
            *attempt = 0;
        }
    }
}

/// Decides it.
pub(crate) fn next_step(found: Option<&StepRecord>, way: StepWay) -> StepFound {
    match (found, way) {
        (None, _)
        | (Some(StepRecord::Began { .. }), StepWay::Idempotent)
        | (Some(StepRecord::Began { attempt: 0 }), StepWay::Once) => StepFound::Run,
        (Some(StepRecord::Done { result }), _) => StepFound::Done(result.clone()),
        (Some(StepRecord::Began { .. }), StepWay::Asks) => StepFound::Ask,
        (Some(StepRecord::Began { attempt }), StepWay::Once) => {
            StepFound::Unknown { attempt: *attempt }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_may_have_happened_never_runs_again_without_a_word() {
        let began = StepRecord::Began { attempt: 2 };
        let mut back = began.clone();
        back.bring_back();
        let done = StepRecord::Done { result: json!(7) };
        let unknown = StepFound::Unknown { attempt: 2 };
        for (found, once, idempotent, asks) in [
            (None, StepFound::Run, StepFound::Run, StepFound::Run),
            (Some(&began), unknown, StepFound::Run, StepFound::Ask),
            (Some(&back), StepFound::Run, StepFound::Run, StepFound::Ask),
            (
                Some(&done),
                StepFound::Done(json!(7)),
                StepFound::Done(json!(7)),
                StepFound::Done(json!(7)),
            ),
        ] {
            assert_eq!(next_step(found, StepWay::Once), once);
            assert_eq!(next_step(found, StepWay::Idempotent), idempotent);
            assert_eq!(next_step(found, StepWay::Asks), asks);
        }
        assert_eq!(
            serde_json::to_value(&began).unwrap(),
            json!({"state": "began", "attempt": 2})
        );
    }
}
