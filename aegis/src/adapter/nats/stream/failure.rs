//! What went wrong with a stream, in words that say what to do.

use super::super::api::{Refusal, code, no_servers, refused};
use crate::error::{Error, ErrorKind};
use crate::model::Subject;

/// Settings that cannot be, of a stream and of a consumer.
const IMPOSSIBLE: u32 = 10052;
/// A consumer that cannot be: filters that overlap or that its stream does not store, a begin that a
/// work queue does not have, a limit of the server, a name that is no name.
const NO_SUCH_CONSUMER: [u32; 12] = [
    10012, 10084, 10093, 10101, 10102, 10121, 10126, 10134, 10136, 10138, 10139, 10153,
];
/// What a work queue gives to one consumer, another one has.
const TAKEN: [u32; 2] = [10099, 10100];

/// A stream that is not there.
pub(super) fn no_stream(stream: &str) -> Error {
    Error::new(
        ErrorKind::NoService,
        format!(
            "there is no stream {stream} (any more): programs that read from it or send to it make \
             it anew; if it was deleted, what was in it is lost"
        ),
    )
}

/// A consumer that is not there, or that nobody answers for.
pub(super) fn no_consumer(stream: &str, consumer: &str) -> Error {
    Error::new(
        ErrorKind::NoService,
        format!(
            "there is no consumer {consumer} of the stream {stream} (any more), or its cluster \
             elects who leads it: a program that reads from it makes it anew"
        ),
    )
}

/// More questions wait at a consumer than it lets wait.
pub(super) fn too_many(stream: &str, consumer: &str) -> Error {
    Error::new(
        ErrorKind::Overloaded,
        format!(
            "too many read from the consumer {consumer} of the stream {stream}: let fewer \
             instances read, or make it anew with a larger `max_waiting`"
        ),
    )
}

/// A consumer that does not take such questions, now or later.
pub(super) fn no_pulling(stream: &str, consumer: &str, status: &str, description: &str) -> Error {
    Error::new(
        ErrorKind::Config,
        format!(
            "the consumer {consumer} of the stream {stream} cannot be pulled from: NATS says \
             {status} {description}; look at it with `nats consumer info {stream} {consumer}`"
        ),
    )
}

/// The error of a refusal that every question about a stream can meet.
pub(super) fn of_stream(stream: &str, refusal: Refusal) -> Error {
    match refusal.err_code {
        code::STREAM_NOT_FOUND => no_stream(stream).because(refusal),
        no if code::NO_SERVERS.contains(&no) => {
            no_servers(&format!("the stream {stream} cannot be kept"), refusal)
        }
        IMPOSSIBLE => {
            let text = format!("the stream {stream} cannot be as it is asked for: {refusal}");
            Error::new(ErrorKind::Config, text).because(refusal)
        }
        _ => refused(&format!("the stream {stream} does not answer"), refusal),
    }
}

/// The same of a consumer.
pub(super) fn of_consumer(stream: &str, consumer: &str, refusal: Refusal) -> Error {
    match refusal.err_code {
        code::CONSUMER_NOT_FOUND => no_consumer(stream, consumer).because(refusal),
        no if NO_SUCH_CONSUMER.contains(&no) => {
            let text = format!(
                "the consumer {consumer} of the stream {stream} cannot be as it is asked for: \
                 {refusal}"
            );
            Error::new(ErrorKind::Invalid, text).because(refusal)
        }
        taken if TAKEN.contains(&taken) => {
            let text = format!(
                "a consumer of the work queue {stream} takes messages that {consumer} asks for, \
                 and each goes to one: let both be one consumer, or choose filters that do not \
                 overlap (`nats consumer ls {stream}` shows who is there)"
            );
            Error::new(ErrorKind::Config, text).because(refusal)
        }
        _ => of_stream(stream, refusal),
    }
}

/// Nobody took a message that a stream was to store.
pub(super) fn nothing_stores(subject: &Subject) -> Error {
    Error::new(
        ErrorKind::NoService,
        format!(
            "no stream stores {subject}: make one with this subject, or add the subject to one \
             (in a cluster, its leader may just be elected)"
        ),
    )
}
