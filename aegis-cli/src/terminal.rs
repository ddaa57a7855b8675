//! Who reads standard output: how large their terminal is, what it can do, and whether they are gone.

#[cfg(unix)]
use std::time::Duration;

/// Columns and rows of the terminal behind standard output; without an answer those of a usual one.
pub(crate) fn size() -> (usize, usize) {
    size_of(std::io::stdout())
}

/// The same behind standard error.
pub(crate) fn size_of_errors() -> (usize, usize) {
    size_of(std::io::stderr())
}

/// Whether it is one that can be painted on.
pub(crate) fn can_paint() -> bool {
    std::env::var("TERM").is_ok_and(|term| term != "dumb" && !term.is_empty())
}

#[cfg(unix)]
fn size_of(stream: impl std::os::fd::AsFd) -> (usize, usize) {
    match rustix::termios::tcgetwinsize(stream) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => (80, 24),
    }
}

#[cfg(not(unix))]
fn size_of<S>(_stream: S) -> (usize, usize) {
    (80, 24)
}

/// How often it is looked.
#[cfg(unix)]
const LOOK: Duration = Duration::from_millis(200);

/// Waits until nobody reads standard output any more, as after `| head -1`: a command that follows
/// what happens would otherwise notice with its next line only.
#[cfg(unix)]
pub(crate) async fn reader_gone() {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let stdout = std::io::stdout();
    loop {
        tokio::time::sleep(LOOK).await;
        let mut asked = [PollFd::new(&stdout, PollFlags::empty())];
        let ended = PollFlags::ERR | PollFlags::HUP;
        if poll(&mut asked, Some(&at_once)).is_ok() && asked[0].revents().intersects(ended) {
            return;
        }
    }
}

#[cfg(not(unix))]
pub(crate) async fn reader_gone() {
    std::future::pending().await
}
