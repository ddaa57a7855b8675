//! Layers, one around the next.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;

use super::operation::Operation;
use super::outcome::Outcome;
use crate::model::Failure;

/// Something around everything that a program serves and sends: an audit log, a limit of each
/// caller, a token in a header. [`App::layer`](crate::App::layer) and
/// [`Client::layer`](crate::Client::layer) put it there.
///
/// A layer sees each call, event and command once on each [`Side`](crate::Side): where it is
/// served around the handler, inside its deadline, its limits and its guard; where it is sent
/// around all attempts. What is refused for other reasons (overload, a deadline that has passed, a
/// guard) reaches no layer. One that panics is treated as a handler that does. What a layer does
/// counts towards the deadline.
///
/// ```
/// use aegis::prelude::*;
/// use aegis::{Layer, Next, Operation, Outcome, Side};
///
/// struct Audit;
///
/// impl Layer for Audit {
///     async fn around(&self, operation: &mut Operation, next: Next<'_>) -> Outcome {
///         let outcome = next.run(operation).await;
///         if operation.side() == Side::Server {
///             let who = operation.source().unwrap_or("somebody");
///             let ok = outcome.is_ok();
///             tracing::info!(target: "audit", who, what = operation.name(), ok);
///         }
///         outcome
///     }
/// }
///
/// # struct Calculator;
/// # #[aegis::service(name = "calculator", version = "1.0.0")]
/// # impl Calculator {
/// #     #[rpc]
/// #     async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> { Ok(a + b) }
/// # }
/// # fn app(app: App) -> App {
/// app.layer(Audit).service(Calculator)
/// # }
/// ```
pub trait Layer: Send + Sync + 'static {
    /// Runs what is inside with [`Next::run`], once, or refuses with [`Outcome::refused`].
    fn around(
        &self,
        operation: &mut Operation,
        next: Next<'_>,
    ) -> impl Future<Output = Outcome> + Send;
}

/// The same for layers whose type is not known any more.
trait Around: Send + Sync {
    fn around<'s, 'n: 's>(
        &'s self,
        operation: &'s mut Operation,
        next: Next<'n>,
    ) -> BoxFuture<'s, Outcome>;
}

impl<L: Layer> Around for L {
    fn around<'s, 'n: 's>(
        &'s self,
        operation: &'s mut Operation,
        next: Next<'n>,
    ) -> BoxFuture<'s, Outcome> {
        Box::pin(Layer::around(self, operation, next))
    }
}

/// What the innermost layer stands around.
type Work<'n> = Box<dyn FnOnce(&Operation) -> BoxFuture<'n, Outcome> + Send + 'n>;

/// What a layer stands around: further layers, and in the end the handler or the sending.
pub struct Next<'n> {
    rest: &'n [Arc<dyn Around>],
    work: Work<'n>,
}

impl Next<'_> {
    /// Runs it.
    pub async fn run(self, operation: &mut Operation) -> Outcome {
        let Self { rest, work } = self;
        match rest.split_first() {
            Some((first, rest)) => first.around(operation, Next { rest, work }).await,
            None => work(operation).await,
        }
    }
}

impl fmt::Debug for Next<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Next({} layers)", self.rest.len())
    }
}

/// Whether what layers stand around had begun when one of them refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Began {
    No,
    Yes,
}

/// The layers of a program, the outermost first. Without any this costs nothing.
#[derive(Clone, Default)]
pub(crate) struct Layers(Option<Arc<[Arc<dyn Around>]>>);

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} layers", self.all().len())
    }
}

impl Layers {
    fn all(&self) -> &[Arc<dyn Around>] {
        self.0.as_deref().unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// These, and another one inside them.
    pub(crate) fn with<L: Layer>(&self, layer: L) -> Self {
        let all = self.all().iter().cloned();
        Self(Some(
            all.chain([Arc::new(layer) as Arc<dyn Around>]).collect(),
        ))
    }

    /// Runs work inside of them. `failure` tells how an answer failed, and `refusal` makes an answer
    /// of what a layer refused with; it is told whether the work had begun.
    pub(crate) async fn run<'n, T: Send + 'static>(
        &'n self,
        mut operation: Operation,
        work: impl FnOnce(&Operation) -> BoxFuture<'n, T> + Send + 'n,
        failure: fn(&T) -> Option<Failure>,
        refusal: impl FnOnce(Failure, Began) -> T,
    ) -> T {
        let has_begun = Arc::new(AtomicBool::new(false));
        let begins = has_begun.clone();
        let work = move |operation: &Operation| -> BoxFuture<'n, Outcome> {
            begins.store(true, Ordering::Relaxed);
            let work = work(operation);
            Box::pin(async move {
                let answer = work.await;
                let failure = failure(&answer);
                Outcome::answered(answer, failure)
            })
        };
        let next = Next {
            rest: self.all(),
            work: Box::new(work),
        };
        let outcome = next.run(&mut operation).await;
        let began = if has_begun.load(Ordering::Relaxed) {
            Began::Yes
        } else {
            Began::No
        };
        outcome
            .take()
            .unwrap_or_else(|failure| refusal(failure, began))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::future::FutureExt as _;

    use super::super::operation::{OperationKind, Sent};
    use super::*;
    use crate::model::Headers;

    struct Notes(&'static str, Arc<Mutex<Vec<String>>>, Option<&'static str>);

    impl Layer for Notes {
        async fn around(&self, operation: &mut Operation, next: Next<'_>) -> Outcome {
            let note = |text: String| self.1.lock().unwrap().push(text);
            note(format!("{} before", self.0));
            if let Some(code) = self.2 {
                return Failure::new(code, "by a layer").into();
            }
            operation.set_header(self.0, "was here").unwrap();
            let outcome = next.run(operation).await;
            note(format!("{} after {}", self.0, outcome.is_ok()));
            outcome
        }
    }

    fn operation() -> Operation {
        Operation::sent(&Sent {
            kind: OperationKind::Rpc,
            service: "a",
            name: "b",
            source: "me",
            headers: &Headers::new(),
            deadline: None,
            trace: None,
        })
    }

    fn run(layers: &Layers, answer: Result<u8, Failure>) -> Result<u8, Failure> {
        let work = move |operation: &Operation| {
            let seen = operation.headers().len();
            let answer = answer.map(|one| one + u8::try_from(seen).unwrap());
            std::future::ready(answer).boxed()
        };
        let failure = |answer: &Result<u8, Failure>| answer.as_ref().err().cloned();
        let running = layers.run(operation(), work, failure, |failure, _| Err(failure));
        running.now_or_never().unwrap()
    }

    #[test]
    fn layers_stand_around_each_other_and_hand_on_what_they_set() {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let layers = Layers::default();
        let layers = layers.with(Notes("Outer", notes.clone(), None));
        let layers = layers.with(Notes("Inner", notes.clone(), None));
        assert_eq!(run(&layers, Ok(40)), Ok(42));
        let expected = [
            "Outer before",
            "Inner before",
            "Inner after true",
            "Outer after true",
        ];
        assert_eq!(*notes.lock().unwrap(), expected);
        let failed = Failure::new("SOLD_OUT", "none left");
        assert_eq!(run(&layers, Err(failed.clone())), Err(failed));
        assert_eq!(notes.lock().unwrap().last().unwrap(), "Outer after false");
    }

    #[test]
    fn what_a_layer_refuses_does_not_run() {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let layers = Layers::default();
        let layers = layers.with(Notes("Outer", notes.clone(), None));
        let layers = layers.with(Notes("Inner", notes.clone(), Some("TOO_OFTEN")));
        let refused = run(&layers, Ok(40)).unwrap_err();
        assert_eq!(refused.code(), "TOO_OFTEN");
        let expected = ["Outer before", "Inner before", "Outer after false"];
        assert_eq!(*notes.lock().unwrap(), expected);
    }
}
