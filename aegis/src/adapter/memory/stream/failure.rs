//! What went wrong with a stream, in words that say what to do.

use super::word::Refusal;
use crate::error::{Error, ErrorKind};
use crate::model::{ExpectSequence, StreamMessage, Subject};

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Disconnected, "this connection was closed")
}

pub(super) fn no_stream(stream: &str) -> Error {
    Error::new(
        ErrorKind::NoService,
        format!(
            "there is no stream {stream} (any more): programs that read from it or send to it make \
             it anew; if it was deleted, what was in it is lost"
        ),
    )
}

pub(super) fn no_consumer(stream: &str, consumer: &str) -> Error {
    Error::new(
        ErrorKind::NoService,
        format!(
            "there is no consumer {consumer} of the stream {stream} (any more): a program \
             that reads from it makes it anew"
        ),
    )
}

/// Nobody took a message that a stream was to store.
pub(super) fn nothing_stores(subject: &Subject) -> Error {
    Error::new(
        ErrorKind::NoService,
        format!(
            "no stream stores {subject}: make one with this subject, or add the subject to one"
        ),
    )
}

/// Subjects that two streams would store.
pub(super) fn overlap(stream: &str, other: &str) -> Error {
    Error::new(
        ErrorKind::Config,
        format!(
            "the stream {other} already stores subjects that the stream {stream} is to store, and \
             a message is stored once: ask for other subjects, or for that stream"
        ),
    )
}

/// Work that two consumers would take.
pub(super) fn same_work(stream: &str, consumer: &str, other: &str) -> Error {
    Error::new(
        ErrorKind::Config,
        format!(
            "the consumer {other} already takes messages of the work queue {stream} that the \
             consumer {consumer} is to take, and each has one taker: ask for other filters, or \
             share that consumer"
        ),
    )
}

pub(super) fn not_from_all(stream: &str, consumer: &str) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!(
            "the consumer {consumer} of the work queue {stream} begins with all that is there \
             (`DeliverFrom::All`): what it left out would stay for ever"
        ),
    )
}

pub(super) fn not_stored(message: &StreamMessage, refusal: Refusal) -> Error {
    let subject = &message.subject;
    let found = match (refusal, &message.expect) {
        (Refusal::Full(what), _) => {
            return Error::new(
                ErrorKind::Overloaded,
                format!(
                    "the stream of {subject} is full and refuses, nothing was stored: work off or \
                     remove what it holds, or raise its limits (it has its maximum of {what})"
                ),
            );
        }
        (Refusal::OtherStream, _) => "another stream stores it than was expected".to_owned(),
        (Refusal::OtherLastId(_), _) => {
            "the newest message has another id than was expected".to_owned()
        }
        (Refusal::OtherLast(last), Some(ExpectSequence::LastOn { subject, sequence })) => {
            format!("the newest message on {subject} is {last} and not {sequence}")
        }
        (Refusal::OtherLast(last), _) => format!("the newest message of the stream is {last}"),
    };
    Error::new(
        ErrorKind::Conflict,
        format!(
            "a message on {subject} was not stored, as {found}: read what is there, and decide \
             anew"
        ),
    )
}
