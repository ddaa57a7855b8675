//! One consumer, and one reader of it: waits for what it is handed, and for the time at which
//! something comes again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, ready};
use futures_util::stream::{self, StreamExt};
use tokio::sync::watch;
use tokio::time::Instant;

use super::failure;
use super::one::Seat;
use super::place::Handed;
use super::readers::Waits;
use super::streams::MemoryStreams;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ConsumerStatus, Settling, Subject};
use crate::port::{AskMore, ConnectionState, Consumer, Delivery, Message, Pull, Settle, Stop};

/// One consumer, found by its name at each use.
#[derive(Debug)]
pub(super) struct MemoryConsumer {
    streams: MemoryStreams,
    stream: String,
    name: String,
}

/// Where a reader reads.
#[derive(Debug, Clone)]
struct At {
    streams: MemoryStreams,
    stream: Arc<str>,
    consumer: Arc<str>,
    /// Of the consumer: one of the same name that comes later is another.
    number: u64,
}

/// One reader; it leaves when it goes away.
struct Reading {
    at: At,
    reader: u64,
    waits: Waits,
    settles: Arc<dyn Settle>,
    over: bool,
    /// It takes what it was handed, and nothing more.
    stopped: Arc<AtomicBool>,
}

impl MemoryConsumer {
    pub(super) fn new(streams: MemoryStreams, stream: &str, name: &str) -> Self {
        Self {
            streams,
            stream: stream.to_owned(),
            name: name.to_owned(),
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut Seat) -> T) -> Result<T> {
        self.streams.check()?;
        let all = self.streams.shelf();
        all.with(&self.stream, |one, _| one.seat(&self.name).map(look))
    }

    fn fetch_now(&self, most: usize) -> Result<Vec<Delivery>> {
        self.streams.check()?;
        let fetched = self.streams.shelf().with(&self.stream, |one, now| {
            let number = one.seat(&self.name)?.number;
            Ok((number, one.fetch(&self.name, most, now)?))
        });
        let (number, handed) = fetched?;
        let at = self.at(number);
        let settles: Arc<dyn Settle> = Arc::new(at.clone());
        let delivered = handed.into_iter().map(|one| at.delivery(one, &settles));
        Ok(delivered.collect())
    }

    fn at(&self, number: u64) -> At {
        At {
            streams: self.streams.clone(),
            stream: self.stream.as_str().into(),
            consumer: self.name.as_str().into(),
            number,
        }
    }

    fn pull_now(&self) -> Result<Pull> {
        let reader = self.streams.shelf().number();
        let state = self.streams.state.clone();
        let (number, waits) = self.with(|seat| (seat.number, seat.readers.join(reader, state)))?;
        let at = self.at(number);
        let stopped = Arc::new(AtomicBool::new(false));
        let (asked, left, stops) = (at.clone(), at.clone(), stopped.clone());
        let more: AskMore = Arc::new(move |count| ready(asked.more(reader, count)).boxed());
        let reading = Reading {
            settles: Arc::new(at.clone()),
            at,
            reader,
            waits,
            over: false,
            stopped,
        };
        let stop: Stop = Arc::new(move || {
            stops.store(true, Ordering::Relaxed);
            left.leave(reader);
            ready(Ok(())).boxed()
        });
        let deliveries = stream::unfold(reading, |mut reading| async {
            let next = reading.next().await?;
            Some((next, reading))
        });
        // Nothing lies between this reader and its stream.
        let heard = Arc::new(Instant::now);
        Ok(Pull::new(deliveries.fuse().boxed(), more, heard, stop))
    }
}

impl Consumer for MemoryConsumer {
    fn name(&self) -> &str {
        &self.name
    }

    fn status(&self, _: Instant) -> BoxFuture<'_, Result<ConsumerStatus>> {
        ready(self.with(|seat| seat.status())).boxed()
    }

    fn pull(&self) -> BoxFuture<'_, Result<Pull>> {
        ready(self.pull_now()).boxed()
    }

    fn fetch(&self, most: usize, _: Instant) -> BoxFuture<'_, Result<Vec<Delivery>>> {
        // Not before somebody waits for it: what is handed out is in hands.
        async move { self.fetch_now(most) }.boxed()
    }
}

impl At {
    fn more(&self, reader: u64, count: usize) -> Result<()> {
        self.streams.check()?;
        self.streams.shelf().with(&self.stream, |one, now| {
            let seat = one.seat_of(&self.consumer, self.number)?;
            seat.readers.ask(reader, count, now);
            one.wake(&self.consumer, now);
            Ok(())
        })
    }

    fn leave(&self, reader: u64) {
        // What is gone is left already.
        let _ = self.streams.shelf().with(&self.stream, |one, now| {
            let seat = one.seat_of(&self.consumer, self.number)?;
            seat.readers.leave(reader, now);
            Ok(())
        });
    }

    fn wake(&self) {
        // Whoever waits for what is gone hears of it by itself.
        let _ = self.streams.shelf().with(&self.stream, |one, now| {
            one.wake(&self.consumer, now);
            Ok(())
        });
    }

    fn delivery(&self, handed: Handed, settles: &Arc<dyn Settle>) -> Delivery {
        let Handed {
            message,
            attempt,
            pending,
        } = handed;
        let (stream, consumer) = (&self.stream, &self.consumer);
        let sequence = message.sequence;
        let receipt = format!("$JS.ACK.{stream}.{consumer}.{attempt}.{sequence}");
        Delivery::new(
            Message {
                subject: message.subject.clone(),
                reply: None,
                headers: message.headers.clone(),
                payload: message.payload.clone(),
            },
            (sequence, attempt, pending),
            message.stored,
            (Subject::trusted(receipt), settles.clone()),
        )
    }

    fn settle_now(&self, receipt: &Subject, how: &Settling) -> Result<()> {
        self.streams.check()?;
        let sequence = receipt.as_str().rsplit('.').next();
        let sequence = sequence.and_then(|number| number.parse().ok());
        let sequence = sequence.ok_or_else(|| no_receipt(receipt))?;
        self.streams.shelf().with(&self.stream, |one, now| {
            one.settle((&self.consumer, self.number), sequence, how, now)
        })
    }
}

impl Settle for At {
    fn settle<'a>(&'a self, receipt: &'a Subject, how: Settling) -> BoxFuture<'a, Result<()>> {
        let settled = match self.settle_now(receipt, &how) {
            // It is handed over, and not confirmed: nobody hears that nobody is there.
            Err(gone) if gone.kind() == ErrorKind::NoService => Ok(()),
            settled => settled,
        };
        ready(settled).boxed()
    }

    fn confirm<'a>(&'a self, receipt: &'a Subject, _: Instant) -> BoxFuture<'a, Result<()>> {
        ready(self.settle_now(receipt, &Settling::Ack)).boxed()
    }
}

impl Reading {
    async fn next(&mut self) -> Option<Result<Delivery>> {
        while !self.over {
            let due = *self.waits.due.borrow_and_update();
            tokio::select! {
                biased;
                () = closed(&mut self.at.streams.state) => {
                    self.over = true;
                    return Some(Err(failure::closed()));
                }
                handed = self.waits.handed.recv() => {
                    self.over = handed.is_none();
                    if self.over && self.stopped.load(Ordering::Relaxed) {
                        return None;
                    }
                    let delivery = handed.map(|one| self.at.delivery(one, &self.settles));
                    return Some(delivery.ok_or_else(|| self.gone()));
                }
                // It fails when the consumer is gone, which ends the wait above as well.
                _ = self.waits.due.changed() => {}
                () = again(due) => self.at.wake(),
            }
        }
        None
    }

    fn gone(&self) -> Error {
        failure::no_consumer(&self.at.stream, &self.at.consumer)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.at.leave(self.reader);
    }
}

fn no_receipt(receipt: &Subject) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!("{receipt} is no receipt of a delivery"),
    )
}

async fn closed(state: &mut watch::Receiver<ConnectionState>) {
    let closed = state.wait_for(|state| *state == ConnectionState::Closed);
    if closed.await.is_err() {
        // The bus is gone and was never closed: then nobody closes these streams.
        std::future::pending::<()>().await;
    }
}

/// Wakes up when something comes again; if nothing does, never.
async fn again(due: Option<Instant>) {
    match due {
        // A timer counts in milliseconds, and with a paused clock it may fire a little early.
        Some(time) => tokio::time::sleep_until(time + Duration::from_millis(1)).await,
        None => std::future::pending().await,
    }
}
