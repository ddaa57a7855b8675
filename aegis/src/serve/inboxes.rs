//! Where an answer may go.

use std::sync::Arc;

use crate::model::Subject;
use crate::observe::Seldom;
use crate::port::Message;

/// The prefixes of reply subjects that are answered. A reply subject is the sender's choice, and
/// must not be used to make this service publish anywhere but to inboxes.
#[derive(Debug, Clone)]
pub(super) struct Inboxes {
    prefixes: Arc<[String]>,
    /// Anybody can send such messages: they must not fill the log.
    warned: Arc<Seldom>,
}

impl Inboxes {
    pub(super) fn new(prefixes: Vec<String>) -> Self {
        Self {
            prefixes: prefixes.into(),
            warned: Arc::default(),
        }
    }

    /// The reply subject of a message, if it may be answered.
    pub(super) fn reply_of(&self, message: &Message) -> Option<Subject> {
        let reply = message.reply.as_ref()?;
        let allowed = |prefix: &String| reply.as_str().starts_with(prefix.as_str());
        if self.prefixes.iter().any(allowed) {
            return Some(reply.clone());
        }
        if let Some(unsaid) = self.warned.again() {
            tracing::warn!(
                subject = %message.subject, %reply, unsaid,
                "a request is ignored: its reply subject is no inbox"
            );
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Headers;
    use bytes::Bytes;

    #[test]
    fn only_inboxes_are_answered() {
        let inboxes = Inboxes::new(vec!["_INBOX.".to_owned(), "mine.".to_owned()]);
        for (reply, answered) in [
            (Some("_INBOX.a.1"), true),
            (Some("mine.a"), true),
            (Some("_INBOX"), false),
            (Some("_INBOXES.a"), false),
            (Some("minery.a"), false),
            (Some("rpc.bank.transfer"), false),
            (Some("$JS.API.STREAM.DELETE.S"), false),
            (None, false),
        ] {
            let message = Message {
                subject: Subject::literal("rpc.a.b"),
                reply: reply.map(|reply| Subject::trusted(reply.to_owned())),
                headers: Headers::new(),
                payload: Bytes::new(),
            };
            assert_eq!(inboxes.reply_of(&message).is_some(), answered, "{reply:?}");
        }
    }
}
