//! Streams that this program has seen, so that one which was deleted is not taken for the same.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use time::OffsetDateTime;

use super::core::Client;
use crate::model::StreamStatus;

/// When each stream was made that was seen.
#[derive(Debug, Default)]
pub(super) struct StreamsSeen(Mutex<BTreeMap<String, OffsetDateTime>>);

impl StreamsSeen {
    /// Whether another stream of that name was seen before this one, and this one was not.
    fn is_another(&self, stream: &str, created: OffsetDateTime) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(before) = seen.get_mut(stream) else {
            seen.insert(stream.to_owned(), created);
            return false;
        };
        // What a server said late is no news.
        let is_newer = created > *before;
        *before = created.max(*before);
        is_newer
    }
}

impl Client {
    /// Tells, once in a program, that a stream of the framework is not the one that it was: all its
    /// handlers go on, and nothing else would say what is missing.
    pub(crate) fn saw_stream(&self, stream: &StreamStatus) {
        if self.shared.seen.is_another(&stream.name, stream.created) {
            tracing::error!(
                stream = stream.name,
                "the stream {} was deleted and is made anew: all that was in it is lost, also what \
                 nobody had handled yet",
                stream.name
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_stream_made_anew_is_news_once() {
        let seen = StreamsSeen::default();
        let at = |seconds| OffsetDateTime::UNIX_EPOCH + Duration::from_secs(seconds);
        for (stream, made, expected) in [
            ("EVENTS", 1, false),
            ("EVENTS", 1, false),
            ("COMMANDS", 5, false),
            ("EVENTS", 3, true),
            ("EVENTS", 3, false),
            ("EVENTS", 1, false),
            ("EVENTS", 3, false),
            ("EVENTS", 4, true),
        ] {
            let news = seen.is_another(stream, at(made));
            assert_eq!(news, expected, "{stream} made at {made}");
        }
    }
}
