//! What happens to instances, as a stream.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::stream::{BoxStream, Stream, StreamExt, unfold};
use tokio::sync::watch;

use super::watched::{Directory, Table};
use crate::model::{Instance, InstanceEvent, changes};

/// What happens to instances, one after the other; it ends when the client is closed.
///
/// A reader that is slow misses nothing that lasts: it gets the difference between what it saw last
/// and what is now, so an instance that came and went meanwhile is not told.
///
/// ```no_run
/// # async fn example(client: aegis::Client) -> aegis::Result<()> {
/// use aegis::{DiscoveryMode, InstanceEvent};
///
/// let mut events = client.discovery(DiscoveryMode::Watched).events()?;
/// while let Some(event) = events.next().await {
///     if let InstanceEvent::Gone(instance) = event {
///         println!("{} of {} is gone", instance.id, instance.service);
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct InstanceEvents(BoxStream<'static, InstanceEvent>);

impl std::fmt::Debug for InstanceEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InstanceEvents")
    }
}

struct Told {
    /// Keeps it listening.
    _directory: Arc<Directory>,
    tables: watch::Receiver<Arc<Table>>,
    seen: Vec<Arc<Instance>>,
    events: VecDeque<InstanceEvent>,
    first: bool,
}

impl InstanceEvents {
    pub(super) fn new(directory: Arc<Directory>) -> Self {
        let told = Told {
            tables: directory.tables(),
            _directory: directory,
            seen: Vec::new(),
            events: VecDeque::new(),
            first: true,
        };
        Self(unfold(told, next).fuse().boxed())
    }

    /// The next event; none when the client was closed.
    #[expect(
        clippy::should_implement_trait,
        reason = "the name that streams give it"
    )]
    pub fn next(&mut self) -> impl Future<Output = Option<InstanceEvent>> + '_ {
        std::future::poll_fn(move |cx| self.0.as_mut().poll_next(cx))
    }
}

impl Stream for InstanceEvents {
    type Item = InstanceEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(ready!(self.0.as_mut().poll_next(cx)))
    }
}

async fn next(mut told: Told) -> Option<(InstanceEvent, Told)> {
    loop {
        if let Some(event) = told.events.pop_front() {
            return Some((event, told));
        }
        if !std::mem::take(&mut told.first) {
            told.tables.changed().await.ok()?;
        }
        let now: Vec<_> = {
            let table = told.tables.borrow_and_update();
            table.everybody().cloned().collect()
        };
        told.events.extend(changes(&told.seen, &now));
        told.seen = now;
    }
}
