//! The user's code for one request or event, run step by step: in its scope, with its panics caught.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{self, Poll, Waker};

use futures_util::future::BoxFuture;

use super::context::Context;
use crate::layer::{Began, Layers, Operation};
use crate::model::Failure;

/// How a step ends: not yet, with what the code returns, or with the text of a panic.
pub(super) type Step<T> = Poll<Result<T, String>>;

/// The user's code for one request or event, with layers around it.
pub(super) struct InsideLayers<W, R, T> {
    pub(super) layers: Layers,
    pub(super) operation: Operation,
    pub(super) work: W,
    /// How what it returns has failed.
    pub(super) failure: fn(&T) -> Option<Failure>,
    /// What stands in its place where a layer refuses.
    pub(super) refusal: R,
}

impl<W, R, T> InsideLayers<W, R, T>
where
    W: FnOnce() -> BoxFuture<'static, T> + Send + 'static,
    R: FnOnce(Failure, Began) -> T + Send + 'static,
    T: Send + 'static,
{
    pub(super) fn run(self) -> BoxFuture<'static, T> {
        Box::pin(async move {
            let (work, failure) = (self.work, self.failure);
            let running = self.layers.run(
                self.operation,
                move |_: &Operation| work(),
                failure,
                self.refusal,
            );
            running.await
        })
    }
}

/// The user's code for one request or event.
pub(super) struct Work<T> {
    future: BoxFuture<'static, T>,
    context: Context,
    span: tracing::Span,
}

impl<T: 'static> Work<T> {
    /// Makes the handler's future. A row written by hand may run code before its future exists.
    pub(super) fn begin(
        context: &Context,
        span: tracing::Span,
        call: impl FnOnce() -> BoxFuture<'static, T>,
    ) -> Self {
        let context = context.clone();
        let made = catch_unwind(AssertUnwindSafe(|| context.enter(call)));
        let future =
            made.unwrap_or_else(|panic| Box::pin(async move { std::panic::resume_unwind(panic) }));
        Self {
            future,
            context,
            span,
        }
    }

    /// Runs to the first wait. Nobody is woken by it: what is pending is polled again at once, by
    /// the task it is given.
    pub(super) fn first_step(&mut self) -> Step<T> {
        self.poll(&mut task::Context::from_waker(Waker::noop()))
    }

    /// Runs to the end.
    pub(super) async fn ended(&mut self) -> Result<T, String> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut task::Context<'_>) -> Step<T> {
        let entered = self.span.enter();
        let future = &mut self.future;
        let step = self
            .context
            .enter(|| catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))));
        drop(entered);
        match step {
            Ok(step) => step.map(Ok),
            Err(panic) => Poll::Ready(Err(panic_text(&*panic))),
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a text")
        .chars()
        .take(1024)
        .collect()
}
