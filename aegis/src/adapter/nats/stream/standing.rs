//! How a consumer stands while it does not answer: decided here, without the server.
//!
//! A question that does not wait is kept waiting all the same by nats-server 2.10 to 2.15 if so
//! much is in hands as may be (`max_ack_pending`), and by 2.10 if somebody else was faster
//! (`processNextMsgRequest` and `processWaiting` in `consumer.go`). It says nothing to that: it has
//! to be asked.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// What JetStream tells of a consumer, as far as it matters here.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Standing {
    config: Limit,
    delivered: Reached,
    #[serde(default)]
    num_ack_pending: i64,
    #[serde(default)]
    num_pending: u64,
    #[serde(default)]
    num_waiting: u64,
    cluster: Option<Cluster>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Limit {
    #[serde(default)]
    max_ack_pending: i64,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Reached {
    #[serde(default)]
    consumer_seq: u64,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Cluster {
    replicas: Option<Vec<IgnoredAny>>,
}

impl Standing {
    /// Whether a question that is open waits, and nothing is on its way to it.
    ///
    /// What a consumer with replicas delivers is sent when most of them have taken note: so it is
    /// looked at twice.
    pub(super) fn has_nothing(&self, before: Option<&Self>) -> bool {
        let most = self.config.max_ack_pending;
        let is_full = most > 0 && self.num_ack_pending >= most;
        let waits = self.num_waiting > 0 && (is_full || self.num_pending == 0);
        waits && (!self.is_replicated() || before == Some(self))
    }

    /// Whether no question is open, and nothing happens: one that was asked is lost, as the server
    /// that led the consumer does so no more.
    pub(super) fn has_no_question(&self, before: Option<&Self>) -> bool {
        self.num_waiting == 0 && before == Some(self)
    }

    fn is_replicated(&self) -> bool {
        let replicas = self.cluster.as_ref().and_then(|it| it.replicas.as_ref());
        replicas.is_some_and(|replicas| !replicas.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// In hands, still to come, questions that wait; of two that may be in hands.
    fn standing(in_hands: u64, pending: u64, waiting: u64, replicas: usize) -> Standing {
        let replicas = vec![json!({"name": "n"}); replicas];
        serde_json::from_value(json!({
            "config": {"max_ack_pending": 2}, "delivered": {"consumer_seq": 7, "stream_seq": 9},
            "num_ack_pending": in_hands, "num_pending": pending, "num_waiting": waiting,
            "cluster": {"leader": "m", "replicas": replicas},
        }))
        .unwrap()
    }

    #[test]
    fn a_question_that_waits_is_known_by_what_it_waits_for() {
        for (in_hands, pending, waiting, nothing) in [
            (2, 5, 1, true),
            (3, 5, 1, true),
            // It will come.
            (1, 5, 1, false),
            (1, 0, 1, true),
            (0, 0, 3, true),
            // It was not read yet, or the answer is on its way.
            (2, 5, 0, false),
            (0, 0, 0, false),
        ] {
            let now = standing(in_hands, pending, waiting, 0);
            let case = format!("{in_hands} {pending} {waiting}");
            assert_eq!(now.has_nothing(None), nothing, "{case}");
            let now = standing(in_hands, pending, waiting, 2);
            assert!(!now.has_nothing(None), "{case}: seen once");
            let same = standing(in_hands, pending, waiting, 2);
            assert_eq!(now.has_nothing(Some(&same)), nothing, "{case}");
            let other = standing(in_hands + 1, pending, waiting, 2);
            assert!(!now.has_nothing(Some(&other)), "{case}: it changes");
        }
    }

    #[test]
    fn a_question_is_lost_if_none_is_open_and_nothing_happens() {
        let now = standing(1, 5, 0, 2);
        for (before, lost) in [
            (None, false),
            (Some(standing(1, 5, 1, 2)), false),
            (Some(standing(2, 5, 0, 2)), false),
            (Some(standing(1, 5, 0, 2)), true),
        ] {
            assert_eq!(now.has_no_question(before.as_ref()), lost, "{before:?}");
        }
        let open = standing(1, 5, 1, 2);
        assert!(!open.has_no_question(Some(&standing(1, 5, 1, 2))));
    }

    #[test]
    fn no_limit_is_never_reached() {
        for config in [json!({}), json!({"max_ack_pending": -1})] {
            let standing: Standing = serde_json::from_value(json!({
                "config": config, "delivered": {}, "num_ack_pending": 99, "num_pending": 1,
                "num_waiting": 1,
            }))
            .unwrap();
            assert!(!standing.has_nothing(None), "{config}");
        }
    }
}
