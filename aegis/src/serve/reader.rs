//! Reads a subscription: what waits there is taken out at once, so that its number is known, and
//! its age.
//!
//! A handler that never waits runs in the reader's own task. Without this, calls would pile up
//! behind it in the subscription, where no limit counts them and no deadline runs.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::future::FutureExt;
use tokio::time::Instant;

use crate::port::{Message, Subscription};

/// Who handles the messages of a subscription.
pub(super) trait Takes: Send + Sync + 'static {
    /// As many may wait here.
    fn limit(&self) -> usize;
    /// Handles a message. Returns without waiting for a handler that waits.
    fn take(&self, message: Message, arrived: Instant) -> impl Future<Output = ()> + Send;
    /// Says no to a message that finds no room.
    fn refuse(&self, message: Message, arrived: Instant) -> impl Future<Output = ()> + Send;
}

/// Reads to the end of the subscription.
pub(super) async fn read<T: Takes>(mut messages: Subscription, taker: T) {
    let mut waiting: VecDeque<(Message, Instant)> = VecDeque::new();
    let mut ended = false;
    loop {
        // Some streams panic when they are asked again after their end.
        ended = ended || take_out(&mut messages, &mut waiting, &taker).await;
        let next = match waiting.pop_front() {
            Some(next) => Some(next),
            None if ended => return,
            None => messages
                .next()
                .await
                .map(|message| (message, Instant::now())),
        };
        let Some((message, arrived)) = next else {
            return;
        };
        guarded(taker.take(message, arrived)).await;
    }
}

/// Takes out what is there, and tells whether the subscription has ended.
async fn take_out<T: Takes>(
    messages: &mut Subscription,
    waiting: &mut VecDeque<(Message, Instant)>,
    taker: &T,
) -> bool {
    let mut now = None;
    while let Some(next) = messages.next().now_or_never() {
        let Some(message) = next else { return true };
        let now = *now.get_or_insert_with(Instant::now);
        if waiting.len() < taker.limit() {
            waiting.push_back((message, now));
        } else {
            guarded(taker.refuse(message, now)).await;
        }
    }
    false
}

/// A handler's panic is caught deeper down; nothing else may end the reading either.
async fn guarded(handling: impl Future<Output = ()>) {
    if AssertUnwindSafe(handling).catch_unwind().await.is_err() {
        tracing::error!("a request was lost to a panic of the framework");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use futures_util::future::FutureExt as _;
    use futures_util::stream::{self, StreamExt as _};

    use super::*;
    use crate::model::{Headers, Subject};
    use crate::port::Stop;

    struct Counts(Arc<Mutex<u32>>);

    impl Takes for Counts {
        fn limit(&self) -> usize {
            8
        }

        async fn take(&self, _: Message, _: Instant) {
            *self.0.lock().unwrap() += 1;
        }

        async fn refuse(&self, _: Message, _: Instant) {}
    }

    #[tokio::test]
    async fn what_waits_at_the_end_is_handled_and_the_end_is_heard_once() {
        let message = || Message {
            subject: Subject::literal("rpc.a.b"),
            reply: None,
            headers: Headers::new(),
            payload: Bytes::new(),
        };
        // Like the bus in memory, it panics if it is polled after its end.
        let messages = stream::unfold(3, move |left: u32| {
            let next = left.checked_sub(1).map(|left| (message(), left));
            std::future::ready(next)
        });
        let stop: Stop = Arc::new(|| async { Ok(()) }.boxed());
        let counted = Arc::new(Mutex::new(0));
        let messages = Subscription::new(messages.boxed(), stop);
        read(messages, Counts(counted.clone())).await;
        assert_eq!(*counted.lock().unwrap(), 3);
    }
}
