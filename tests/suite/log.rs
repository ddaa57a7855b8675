//! What this thread's tasks log, at every level and of every library; and what any thread logs that
//! NATS does not permit.

use std::cell::RefCell;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, Registry, fmt};

thread_local!(static CURRENT: RefCell<Option<Captured>> = const { RefCell::new(None) });

/// The lines logged so far. A `#[tokio::test]` runs its tasks on one thread: they are all its own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

/// Ends the capture of a thread.
#[derive(Debug)]
pub(crate) struct Capture;

impl Drop for Capture {
    fn drop(&mut self) {
        CURRENT.set(None);
    }
}

/// Captures until the guard is dropped.
///
/// There is one subscriber for the whole test binary: with one per thread, whether a line is of
/// interest would be decided by the thread that comes first.
pub(crate) fn capture() -> (Captured, Capture) {
    subscribe();
    let captured = Captured::default();
    CURRENT.set(Some(captured.clone()));
    (captured, Capture)
}

static REFUSED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Every line of any thread that tells of a violation of permissions, from now on. Tests tell theirs
/// by the subject.
pub(crate) fn refused() -> Vec<String> {
    subscribe();
    REFUSED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

struct Refusals;

impl io::Write for Refusals {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        if line.contains("Permissions Violation") {
            let mut lines = REFUSED.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push(line.into_owned());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn subscribe() {
    static SUBSCRIBER: OnceLock<()> = OnceLock::new();
    SUBSCRIBER.get_or_init(|| {
        let wanted = dynamic_filter_fn(|_, _| CURRENT.with_borrow(Option::is_some));
        let lines = fmt::layer().with_ansi(false).with_writer(|| Writer);
        let refusals = fmt::layer().with_ansi(false).with_writer(|| Refusals);
        let subscriber = Registry::default()
            .with(lines.with_filter(wanted))
            .with(refusals.with_filter(tracing_subscriber::filter::LevelFilter::ERROR));
        tracing::subscriber::set_global_default(subscriber).expect("no other subscriber");
    });
}

impl Captured {
    pub(crate) fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&lines).into_owned()
    }
}

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        CURRENT.with_borrow(|current| {
            if let Some(Captured(lines)) = current {
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                lines.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
