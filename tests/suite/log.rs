//! What this thread's tasks log, at every level and of every library.

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
    static SUBSCRIBER: OnceLock<()> = OnceLock::new();
    SUBSCRIBER.get_or_init(|| {
        let wanted = dynamic_filter_fn(|_, _| CURRENT.with_borrow(Option::is_some));
        let lines = fmt::layer().with_ansi(false).with_writer(|| Writer);
        let subscriber = Registry::default().with(lines.with_filter(wanted));
        tracing::subscriber::set_global_default(subscriber).expect("no other subscriber");
    });
    let captured = Captured::default();
    CURRENT.set(Some(captured.clone()));
    (captured, Capture)
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
