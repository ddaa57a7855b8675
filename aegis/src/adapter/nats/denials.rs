//! Subjects that the server refused: for those who publish and wait for something else than an answer.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::refusal::denied;
use crate::error::Error;

/// Refused subjects that are remembered, the latest last.
const MOST: usize = 64;

/// What was refused since the connection was made.
#[derive(Debug, Default)]
pub(super) struct Denials {
    subjects: Mutex<VecDeque<Denied>>,
    count: watch::Sender<u64>,
}

#[derive(Debug)]
struct Denied {
    subject: String,
    /// It was tried again since, and nothing was said yet.
    retracted: bool,
}

impl Denials {
    /// Remembers a subject, and tells whether that is news; with more of them than are remembered
    /// nobody could say.
    pub(super) fn note(&self, subject: &str) -> bool {
        let mut subjects = self.subjects();
        let has_room = subjects.len() < MOST;
        let known = subjects.iter_mut().find(|known| known.subject == subject);
        let is_known = known.is_some();
        if let Some(known) = known {
            known.retracted = false;
        } else {
            if !has_room {
                subjects.pop_front();
            }
            subjects.push_back(Denied {
                subject: subject.to_owned(),
                retracted: false,
            });
        }
        drop(subjects);
        self.count
            .send_modify(|count| *count = count.wrapping_add(1));
        has_room && !is_known
    }

    /// A new connection: perhaps with other permissions.
    pub(super) fn forget(&self) {
        self.subjects().clear();
    }

    /// It is tried again: the permission may be there by now. If it is not, that is no news.
    pub(super) fn retract(&self, subject: &str) {
        let mut subjects = self.subjects();
        for known in subjects.iter_mut().filter(|it| it.subject == subject) {
            known.retracted = true;
        }
    }

    /// The error for whoever has published on a subject, if that was refused.
    pub(super) fn of(&self, subject: &str) -> Option<Error> {
        let subjects = self.subjects();
        let mut subjects = subjects.iter().filter(|known| !known.retracted);
        let found = subjects.any(|known| known.subject == subject);
        found.then(|| denied("publish", subject))
    }

    /// Becomes ready when a subject was refused, now or since.
    pub(super) async fn refusal(&self, subject: &str) -> Error {
        let mut count = self.count.subscribe();
        loop {
            count.borrow_and_update();
            if let Some(error) = self.of(subject) {
                return error;
            }
            if count.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    fn subjects(&self) -> MutexGuard<'_, VecDeque<Denied>> {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_is_told_of_its_own_subject_until_there_is_another_connection() {
        let denials = Denials::default();
        assert!(denials.note("a.b") && !denials.note("a.b"));
        assert!(denials.of("a.c").is_none());
        let (error, ()) = tokio::join!(denials.refusal("a.c"), async {
            denials.note("a.c");
        });
        assert!(error.to_string().contains("a.c"), "{error}");
        denials.retract("a.c");
        assert!(denials.of("a.c").is_none() && denials.of("a.b").is_some());
        assert!(!denials.note("a.c"), "it was tried again, and is no news");
        assert!(denials.of("a.c").is_some());
        denials.forget();
        assert!(denials.of("a.b").is_none());
        for number in 0..=MOST {
            assert_eq!(denials.note(&number.to_string()), number < MOST, "{number}");
        }
        assert!(denials.of("0").is_none() && denials.of("1").is_some());
    }
}
