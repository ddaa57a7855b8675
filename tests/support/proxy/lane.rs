//! One direction of one connection: chunks are read, wait for their time, and are written.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};

use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::{Rule, Rules};

/// The most that is read at once.
const CHUNK: usize = 16 * 1024;
/// The most that is on its way, in bytes.
const MOST: usize = 256 * 1024;
/// What a chunk costs beside its bytes: many small ones are bounded, too.
const OVERHEAD: usize = 64;

/// Passes everything on until the end, which is passed on as well.
pub(super) async fn carry(
    from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut rules: watch::Receiver<Rules>,
    rule_of: fn(&Rules) -> Rule,
) -> io::Result<()> {
    let mut lane = Lane::default();
    loop {
        let rule = rule_of(&rules.borrow_and_update());
        let now = Instant::now();
        // A time that does not come in this run's life is as good as a black hole.
        let due = lane.first_since().and_then(|at| at.checked_add(rule.delay));
        let due = due.filter(|_| !rule.held);
        tokio::select! {
            // An order comes before a byte.
            biased;
            changed = rules.changed() => changed.map_err(|_| ErrorKind::ConnectionAborted)?,
            ready = to.writable(), if due.is_some_and(|due| due <= now) => {
                ready?;
                if rule_of(&rules.borrow()).held {
                    continue;
                }
                if lane.write(&to)? == Written::End {
                    return to.shutdown().await;
                }
            }
            () = sleep_until(due.unwrap_or(now)), if due.is_some_and(|due| due > now) => {}
            ready = from.readable(), if !rule.held && lane.has_room() => {
                ready?;
                lane.read(&from)?;
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Written {
    Something,
    End,
}

/// An empty one is the end.
struct Chunk {
    read_at: Instant,
    bytes: Vec<u8>,
    written: usize,
}

#[derive(Default)]
struct Lane {
    chunks: VecDeque<Chunk>,
    size: usize,
    ended: bool,
}

impl Lane {
    fn first_since(&self) -> Option<Instant> {
        self.chunks.front().map(|chunk| chunk.read_at)
    }

    fn has_room(&self) -> bool {
        !self.ended && self.size < MOST
    }

    fn read(&mut self, from: &ReadHalf<'_>) -> io::Result<()> {
        let mut buffer = [0; CHUNK];
        let Some(read) = unless_blocked(from.try_read(&mut buffer))? else {
            return Ok(());
        };
        self.ended = read == 0;
        self.size += read + OVERHEAD;
        self.chunks.push_back(Chunk {
            read_at: Instant::now(),
            bytes: buffer[..read].to_vec(),
            written: 0,
        });
        Ok(())
    }

    fn write(&mut self, to: &WriteHalf<'_>) -> io::Result<Written> {
        let Some(chunk) = self.chunks.front_mut() else {
            return Ok(Written::Something);
        };
        if chunk.bytes.is_empty() {
            return Ok(Written::End);
        }
        let written = unless_blocked(to.try_write(&chunk.bytes[chunk.written..]))?;
        chunk.written += written.unwrap_or(0);
        if chunk.written == chunk.bytes.len() {
            self.size -= chunk.bytes.len() + OVERHEAD;
            self.chunks.pop_front();
        }
        Ok(Written::Something)
    }
}

fn unless_blocked(done: io::Result<usize>) -> io::Result<Option<usize>> {
    match done {
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
