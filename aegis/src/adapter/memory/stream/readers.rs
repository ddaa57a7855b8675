//! Who waits for the messages of one consumer: questions are served in the order they came, one
//! message each.

use std::collections::{HashMap, VecDeque};

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::place::Handed;
use crate::port::ConnectionState;

#[derive(Debug)]
pub(super) struct Readers {
    all: HashMap<u64, Reader>,
    /// The reader, and how many it still asks for.
    questions: VecDeque<(u64, usize)>,
    /// When somebody was seen to ask last.
    seen: Instant,
    /// When something comes again by itself, for those who wait.
    due: watch::Sender<Option<Instant>>,
}

#[derive(Debug)]
struct Reader {
    /// It never holds more than was asked for.
    sender: mpsc::UnboundedSender<Handed>,
    state: watch::Receiver<ConnectionState>,
}

/// What a reader waits for.
#[derive(Debug)]
pub(super) struct Waits {
    pub(super) handed: mpsc::UnboundedReceiver<Handed>,
    pub(super) due: watch::Receiver<Option<Instant>>,
}

impl Readers {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            all: HashMap::new(),
            questions: VecDeque::new(),
            seen: now,
            due: watch::Sender::new(None),
        }
    }

    pub(super) fn join(&mut self, reader: u64, state: watch::Receiver<ConnectionState>) -> Waits {
        let (sender, handed) = mpsc::unbounded_channel();
        self.all.insert(reader, Reader { sender, state });
        let due = self.due.subscribe();
        Waits { handed, due }
    }

    pub(super) fn leave(&mut self, reader: u64, now: Instant) {
        self.seen = now;
        self.all.remove(&reader);
        self.questions.retain(|(asks, _)| *asks != reader);
    }

    pub(super) fn ask(&mut self, reader: u64, count: usize, now: Instant) {
        self.seen = now;
        if count > 0 && self.all.contains_key(&reader) {
            self.questions.push_back((reader, count));
        }
    }

    /// Somebody asks who does not wait.
    pub(super) fn see(&mut self, now: Instant) {
        self.seen = now;
    }

    /// Serves questions as long as there is something to deliver.
    pub(super) fn serve(&mut self, now: Instant, mut next: impl FnMut() -> Option<Handed>) {
        while let Some((reader, count)) = self.questions.pop_front() {
            let Some(sender) = self.listening(reader) else {
                self.leave(reader, now);
                continue;
            };
            let Some(handed) = next() else {
                self.questions.push_front((reader, count));
                return;
            };
            self.seen = now;
            // Whoever goes away leaves first: until then there is room for it.
            let _ = sender.send(handed);
            if count > 1 {
                self.questions.push_back((reader, count - 1));
            }
        }
    }

    /// Where to send to, unless the connection was closed.
    fn listening(&self, reader: u64) -> Option<mpsc::UnboundedSender<Handed>> {
        let Reader { sender, state } = self.all.get(&reader)?;
        let closed = *state.borrow() == ConnectionState::Closed;
        (!closed).then(|| sender.clone())
    }

    /// How many questions wait.
    pub(super) fn waiting(&self) -> u64 {
        let asks = |(reader, _): &&(u64, usize)| self.listening(*reader).is_some();
        self.questions.iter().filter(asks).count() as u64
    }

    /// When somebody asked last; none while somebody does.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        (self.waiting() == 0).then_some(self.seen)
    }

    /// Tells those who wait when something comes again by itself.
    pub(super) fn tell(&self, due: Option<Instant>) {
        self.due.send_if_modified(|told| {
            let changed = *told != due;
            *told = due;
            changed
        });
    }
}
