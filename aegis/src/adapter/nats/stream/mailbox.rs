//! Where the answer to one question comes in.
//!
//! A delivery carries the subject of its message, and does not tell which question it answers: so
//! each question that is open has a subscription of its own. One whose question was answered to the
//! end is kept for the next.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::super::bus::NatsBus;
use crate::error::Result;
use crate::model::{Pattern, Subject};
use crate::port::{Bus, ConnectionState, Subscription};

/// So many are kept for questions to come; a consumer is seldom asked by more at once.
const KEPT: usize = 4;

pub(super) struct Mailbox {
    pub(super) messages: Subscription,
    /// As it was when this was made.
    pub(super) connection: watch::Receiver<ConnectionState>,
    /// `{inbox}.`: what the server says beside messages comes on it.
    prefix: String,
    /// How many questions it had.
    questions: u64,
}

/// Those that wait for a question.
#[derive(Default)]
pub(super) struct Mailboxes(Mutex<Vec<Mailbox>>);

impl Mailbox {
    /// A new one; none without a connection.
    pub(super) async fn open(bus: &NatsBus) -> Result<Option<Self>> {
        let mut connection = bus.state();
        if *connection.borrow_and_update() != ConnectionState::Connected {
            return Ok(None);
        }
        let inbox = bus.inbox_for(&uuid::Uuid::new_v4().simple().to_string());
        let pattern = Pattern::trusted(format!("{inbox}.*"));
        Ok(Some(Self {
            messages: bus.subscribe(pattern, None).await?,
            connection,
            prefix: format!("{inbox}."),
            questions: 0,
        }))
    }

    /// Whether the connection is the one it was made on.
    pub(super) fn is_current(&self) -> bool {
        !self.connection.has_changed().unwrap_or(true)
    }

    /// The reply subject of one more question: what comes late for another is told by it.
    pub(super) fn next_reply(&mut self) -> Subject {
        self.questions += 1;
        Subject::trusted(format!("{}{}", self.prefix, self.questions))
    }

    /// Whether a message on this subject is no delivery but a word of the server.
    pub(super) fn is_word(&self, subject: &Subject) -> bool {
        subject.as_str().starts_with(&*self.prefix)
    }
}

impl Mailboxes {
    /// One that is as good as new; those of an earlier connection go away.
    pub(super) fn take(&self) -> Option<Mailbox> {
        loop {
            let kept = self.lock().pop()?;
            if kept.is_current() {
                return Some(kept);
            }
        }
    }

    /// Keeps one whose question was answered to the end, if there is room.
    pub(super) fn keep(&self, mailbox: Mailbox) {
        let mut kept = self.lock();
        if kept.len() < KEPT {
            kept.push(mailbox);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Mailbox>> {
        // Nothing in here can panic half-way: what a poisoned lock guards is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
