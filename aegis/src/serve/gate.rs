//! What lets exclusive calls in: only while this instance leads, and nobody else can.

use std::sync::{Arc, PoisonError, RwLock};

use serde_json::json;
use tokio::sync::{Notify, watch};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::lease::{Clock, Leadership, Standing};
use crate::model::{Code, Failure, header};

/// The gate of one service's exclusive handlers.
#[derive(Debug)]
pub(crate) struct Gate {
    open: RwLock<Option<Open>>,
    /// What was served last.
    last: RwLock<Option<Leadership>>,
    standing: RwLock<Option<(watch::Receiver<Standing>, Clock)>>,
    aside: Notify,
}

/// One leadership that is served.
#[derive(Debug, Clone)]
struct Open {
    leader: Leadership,
    running: TaskTracker,
}

/// A call that was let in. As long as it is held, its leadership is not given up on purpose.
#[derive(Debug)]
pub(super) struct Pass {
    pub(super) leader: Leadership,
    _running: TaskTrackerToken,
}

/// Where a call came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The subject of the method: whoever serves it answers.
    Shared,
    /// The subject of this instance alone.
    Own,
}

impl Gate {
    /// A gate that is closed.
    pub(crate) fn closed() -> Arc<Self> {
        Arc::new(Self {
            open: RwLock::default(),
            last: RwLock::default(),
            standing: RwLock::default(),
            aside: Notify::new(),
        })
    }

    /// From now on it is known who leads.
    pub(crate) fn follow(&self, standing: watch::Receiver<Standing>, clock: Clock) {
        *self
            .standing
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some((standing, clock));
    }

    /// Lets calls in, under this leadership.
    pub(crate) fn open(&self, leader: Leadership) {
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = Some(leader.clone());
        let open = Open {
            leader,
            running: TaskTracker::new(),
        };
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Some(open);
    }

    /// Lets nobody in any more; waits for those who are in, if it is told to.
    pub(crate) fn close(&self) -> Option<TaskTracker> {
        let open = self
            .open
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        open.map(|open| {
            open.running.close();
            open.running
        })
    }

    /// Asks the leader to hand over; tells as which epoch it leads, if it does.
    pub(super) fn ask_to_stand_aside(&self) -> Option<u64> {
        let pass = self.enter()?;
        self.aside.notify_one();
        Some(pass.leader.epoch())
    }

    /// Waits until somebody asks this leader to hand over.
    pub(crate) async fn asked_to_stand_aside(&self) {
        self.aside.notified().await;
    }

    /// Lets a call in.
    pub(super) fn enter(&self) -> Option<Pass> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let open = open.as_ref().filter(|open| open.leader.is_valid())?;
        Some(Pass {
            leader: open.leader.clone(),
            _running: open.running.token(),
        })
    }

    /// Whether a call on the shared subject that is not let in can be told so: no other leader can
    /// have got it as well.
    pub(super) fn is_alone(&self) -> bool {
        let last = self.last.read().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().is_some_and(Leadership::keeps_others_out)
    }

    /// What a caller is told who is not let in: nothing ran, and who leads, as far as is known.
    pub(super) fn not_active(&self, method: &str) -> Failure {
        let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
        let known = standing.as_ref().and_then(|(standing, clock)| {
            let holder = standing.borrow().holder.clone()?;
            (holder.until > clock.now()).then_some(holder)
        });
        let (text, details) = match known {
            Some(holder) => (
                format!(
                    "{method} is run by the leader, and that is {} (epoch {}): nothing ran here",
                    holder.instance, holder.epoch
                ),
                json!({"leader": holder.instance, "epoch": holder.epoch}),
            ),
            None => (
                format!("{method} is run by the leader, and there is none now: nothing ran"),
                json!({"no_leader": true, "retry_after_ms": RETRY_AFTER_MS}),
            ),
        };
        Failure::framework(Code::NotActive, text).with_details(details)
    }
}

/// What a caller is told to wait while nobody leads.
const RETRY_AFTER_MS: u64 = 100;

impl Pass {
    /// Whether the leadership still holds: asked before the handler runs, and before its result is
    /// sent.
    pub(super) fn is_valid(&self) -> bool {
        self.leader.is_valid()
    }

    /// The header of every answer of an exclusive handler.
    pub(super) fn epoch(&self) -> (&'static str, String) {
        (header::EPOCH, self.leader.epoch().to_string())
    }

    /// What a caller is told whose call was let in, and did not begin.
    pub(super) fn too_late(&self, method: &str) -> Failure {
        let text = format!("{method} did not begin before the leadership was over: nothing ran");
        Failure::framework(Code::NotActive, text)
            .with_details(json!({"epoch": self.leader.epoch()}))
    }

    /// What a caller is told instead of a result that came after the leadership was over.
    pub(super) fn refused(&self, method: &str, repeatable: bool) -> Failure {
        let text = format!(
            "the leadership was over before {method} ended: it may have had its effect, or a part \
             of it; what it wrote under the fence was refused"
        );
        let details = json!({"epoch": self.leader.epoch()});
        let failure = Failure::framework(Code::OutcomeUnknown, text).with_details(details);
        if repeatable {
            failure.retryable()
        } else {
            failure
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::lease::{Holder, Lease};
    use crate::model::{InstanceId, ServiceName};

    const HOUR: Duration = Duration::from_secs(3600);

    fn leader(lease: &Arc<Lease>) -> Leadership {
        let service = ServiceName::parse("ledger").unwrap();
        let instance = InstanceId::parse("ledger-1").unwrap();
        Leadership::new(lease.clone(), service, "main".to_owned(), instance)
    }

    #[tokio::test]
    async fn it_lets_in_while_the_lease_is_valid() {
        let gate = Gate::closed();
        assert!(gate.enter().is_none());
        let lease = Arc::new(Lease::new(Clock::Boot, 7, HOUR * 10_000));
        gate.open(leader(&lease));
        let pass = gate.enter().unwrap();
        assert_eq!(pass.epoch(), ("Aegis-Epoch", "7".to_owned()));
        lease.end();
        assert!(gate.enter().is_none() && !pass.is_valid());
        for repeatable in [true, false] {
            let refused = pass.refused("post", repeatable);
            assert_eq!(refused.code(), "OUTCOME_UNKNOWN");
            assert_eq!(refused.is_retryable(), repeatable);
        }
    }

    #[tokio::test]
    async fn closing_waits_for_who_is_in() {
        let gate = Gate::closed();
        let lease = Arc::new(Lease::new(Clock::Boot, 7, HOUR * 10_000));
        gate.open(leader(&lease));
        let pass = gate.enter().unwrap();
        let running = gate.close().unwrap();
        assert!(gate.enter().is_none() && gate.close().is_none());
        assert!(pass.is_valid() && !running.is_empty());
        drop(pass);
        running.wait().await;
    }

    #[test]
    fn whoever_is_not_let_in_is_told_who_leads() {
        let gate = Gate::closed();
        let nobody = gate.not_active("post");
        assert_eq!(nobody.details()["no_leader"], true);
        let (sender, standing) = watch::channel(Standing::default());
        gate.follow(standing, Clock::Boot);
        for (until, key) in [
            (Clock::Boot.now() + HOUR, "leader"),
            (Duration::ZERO, "no_leader"),
        ] {
            sender.send_modify(|standing| {
                standing.holder = Some(Holder {
                    instance: "ledger-2".to_owned(),
                    epoch: 8,
                    until,
                });
            });
            let told = gate.not_active("post");
            assert_eq!(told.code(), "NOT_ACTIVE");
            assert!(
                told.is_retryable() && told.details().get(key).is_some(),
                "{told:?}"
            );
        }
    }
}
