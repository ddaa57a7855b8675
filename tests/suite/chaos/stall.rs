//! A host that is too busy is a fault as well: nobody can keep a lease without a processor.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// How often it is looked.
const TICK: Duration = Duration::from_millis(10);
/// A tick that is so late is noted.
const LONG: Duration = Duration::from_millis(100);

/// Notes when this process stands still, whatever the reason. It has a thread of its own, so that
/// a runtime that is held up by what it runs is no excuse.
pub(super) struct Stalls(Arc<AtomicU64>);

impl Stalls {
    /// Until it is dropped.
    pub(super) fn watch(recorder: Recorder) -> Self {
        let longest = Arc::new(AtomicU64::new(0));
        let watched = Arc::downgrade(&longest);
        std::thread::spawn(move || {
            while let Some(longest) = watched.upgrade() {
                let from = now();
                std::thread::sleep(TICK);
                let to = now();
                let late = Duration::from_nanos(to - from).saturating_sub(TICK);
                longest.fetch_max(u64::try_from(late.as_nanos()).unwrap(), Ordering::Relaxed);
                if late > LONG {
                    let name = "stood still".to_owned();
                    recorder.write(What::Fault { name, from, to });
                }
            }
        });
        Self(longest)
    }

    /// What a call may take longer than its time here: as long as any thread had to wait, twice.
    pub(super) fn limits(&self) -> Limits {
        let longest = Duration::from_nanos(self.0.load(Ordering::Relaxed));
        let limits = Limits::default();
        Limits {
            call_grace: limits.call_grace + 2 * longest,
            ..limits
        }
    }
}
