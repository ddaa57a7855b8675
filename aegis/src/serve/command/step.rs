//! Steps of a command that happen once, whatever becomes of the worker.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use super::super::context::Context;
use super::keeper::Keeper;
use crate::error::{Error, ErrorKind};
use crate::model::{Code, Failure, StepFound, StepRecord, StepWay, next_step};

/// How long the record may take to be written; after that the attempt fails, and is repeated.
const WITHIN: Duration = Duration::from_secs(10);
/// Longest name of a step, in bytes.
const LONGEST_NAME: usize = 128;

/// The job that a handler works on.
pub(in super::super) struct Task {
    pub(super) keeper: Arc<Keeper>,
    pub(super) attempt: u32,
}

type Run<'a, T> = Box<dyn FnOnce() -> BoxFuture<'a, Result<T, Failure>> + Send + 'a>;
type Asked<'a, T> = Box<dyn FnOnce() -> BoxFuture<'a, Result<Option<T>, Failure>> + Send + 'a>;

/// A step of a command before it is taken, by `.await`: see [`Context::once`].
#[must_use = "a step is taken by `.await`"]
pub struct Step<'a, T> {
    task: Option<Arc<Task>>,
    name: String,
    run: Run<'a, T>,
    idempotent: bool,
    resolve: Option<Asked<'a, T>>,
}

impl<T> fmt::Debug for Step<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("name", &self.name)
            .field("idempotent", &self.idempotent)
            .field("resolve", &self.resolve.is_some())
            .finish_non_exhaustive()
    }
}

impl Context {
    /// The id of the job, in a handler for a command: with the name of a step it is a key that makes
    /// an effect elsewhere idempotent.
    pub fn job_id(&self) -> Option<&str> {
        let task = self.state.task.as_ref()?;
        Some(task.keeper.id.as_str())
    }

    /// The how manieth attempt this is, in a handler for a command: 1 is the first.
    pub fn attempt(&self) -> Option<u32> {
        self.state.task.as_ref().map(|task| task.attempt)
    }

    /// A step of a command that happens once: what comes of it is kept in the record of the job, and
    /// an attempt that comes later gets that instead of taking it again.
    ///
    /// Before it is taken that is noted as well. If a worker dies, or an attempt is dropped, between
    /// the effect and the note of its result, nobody knows whether it has happened, and it is not
    /// taken again without a word: [`resolve`](Step::resolve) asks whether it has happened,
    /// [`idempotent`](Step::idempotent) says that twice does no harm. Without either the command
    /// fails with the code `MAYBE_EXECUTED`, and is left to a person. An error of the step is one of
    /// an effect that has not happened: it is taken again by the next attempt. With
    /// [`resolve`](Step::resolve) it may have happened all the same (a timeout): that is asked first.
    ///
    /// ```
    /// use aegis::prelude::*;
    ///
    /// # async fn charge(_: &str, _: u64) -> Result<String, Failure> { Ok(String::new()) }
    /// # async fn find(_: &str) -> Result<Option<String>, Failure> { Ok(None) }
    /// struct Billing;
    ///
    /// #[aegis::service(name = "billing", version = "1.0.0")]
    /// impl Billing {
    ///     #[command]
    ///     async fn bill(&self, ctx: &Context, cents: u64) -> Result<String, Failure> {
    ///         // The bank takes a key, and can be asked for the payment that has it.
    ///         let key = format!("{}/charge", ctx.job_id().unwrap_or_default());
    ///         let receipt = ctx
    ///             .once("charge", || charge(&key, cents))
    ///             .resolve(|| find(&key))
    ///             .await?;
    ///         Ok(receipt)
    ///     }
    /// }
    /// ```
    ///
    /// A name is 1 to 128 bytes. Results are kept together in one record, which has room for 1 MiB,
    /// unless the server is configured otherwise.
    pub fn once<'a, T, F, Taken>(&self, step: &str, run: F) -> Step<'a, T>
    where
        F: FnOnce() -> Taken + Send + 'a,
        Taken: Future<Output = Result<T, Failure>> + Send + 'a,
    {
        Step {
            task: self.state.task.clone(),
            name: step.to_owned(),
            run: Box::new(move || run().boxed()),
            idempotent: false,
            resolve: None,
        }
    }
}

impl<'a, T> Step<'a, T> {
    /// Taking it twice does no harm: what may have happened is taken again.
    pub fn idempotent(self) -> Self {
        Self {
            idempotent: true,
            ..self
        }
    }

    /// Says how to find out whether it has happened, and what came of it. It is asked only if an
    /// earlier attempt began it and nobody knows how that ended, or it ended with an error; `None`
    /// says that it has not happened, and then it is taken.
    ///
    /// It must look where the effect takes place (ask the bank for the payment with this key), and
    /// not at a copy that may be old.
    pub fn resolve<F, Answer>(self, resolve: F) -> Self
    where
        F: FnOnce() -> Answer + Send + 'a,
        Answer: Future<Output = Result<Option<T>, Failure>> + Send + 'a,
    {
        Self {
            resolve: Some(Box::new(move || resolve().boxed())),
            ..self
        }
    }

    fn way(&self) -> StepWay {
        if self.resolve.is_some() {
            StepWay::Asks
        } else if self.idempotent {
            StepWay::Idempotent
        } else {
            StepWay::Once
        }
    }
}

impl<T: Serialize + DeserializeOwned> Step<'_, T> {
    async fn take(self) -> Result<T, Failure> {
        let Some(task) = self.task.clone() else {
            let text = "a step is taken once in a handler with `#[command]`: elsewhere nobody knows \
                        which attempts belong together (for events there is an `Inbox`)";
            return Err(Failure::internal(text).terminal());
        };
        if self.name.is_empty() || self.name.len() > LONGEST_NAME {
            let text = "the name of a step is 1 to 128 bytes";
            return Err(Failure::internal(text).terminal());
        }
        let (keeper, name) = (&task.keeper, self.name.as_str());
        let way = self.way();
        let Some(_in_hand) = keeper.take(name) else {
            let text = format!(
                "the step {name:?} is being taken already: take one after the other, or give them \
                 names of their own"
            );
            return Err(Failure::internal(text).terminal());
        };
        let found = keeper.read(|record| next_step(record.steps.get(name), way));
        match found.await {
            StepFound::Done(result) => return read(name, result),
            StepFound::Unknown { attempt } => return Err(unknown(name, attempt)),
            StepFound::Ask => {
                let resolve = self.resolve.map(|resolve| resolve());
                if let Some(resolve) = resolve
                    && let Some(result) = resolve.await?
                {
                    return done(keeper, name, result).await;
                }
            }
            StepFound::Run => {}
        }
        let began = StepRecord::Began {
            attempt: task.attempt,
        };
        note(keeper, name, Some(began)).await?;
        let failure = match (self.run)().await {
            Ok(result) => return done(keeper, name, result).await,
            Err(failure) => failure,
        };
        // An effect whose answer was lost is an error too: who can ask does so.
        if way != StepWay::Asks {
            // Should this not be written, the next attempt leaves it to a person.
            let _ = note(keeper, name, None).await;
        }
        Err(failure)
    }
}

impl<'a, T: Serialize + DeserializeOwned + Send + 'a> IntoFuture for Step<'a, T> {
    type Output = Result<T, Failure>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        self.take().boxed()
    }
}

/// Keeps what came of a step.
async fn done<T: Serialize>(keeper: &Keeper, name: &str, result: T) -> Result<T, Failure> {
    let kept = serde_json::to_value(&result).map_err(|cause| {
        let text = format!("the result of the step {name:?} cannot be kept: {cause}");
        Failure::internal(text).terminal()
    })?;
    note(keeper, name, Some(StepRecord::Done { result: kept })).await?;
    Ok(result)
}

async fn note(keeper: &Keeper, name: &str, step: Option<StepRecord>) -> Result<(), Failure> {
    let deadline = Instant::now() + WITHIN;
    let noted = keeper.change(deadline, |record| {
        match step.clone() {
            Some(step) => record.steps.insert(name.to_owned(), step),
            None => record.steps.remove(name),
        };
    });
    noted.await.map_err(|error| unnoted(name, &error))
}

fn unnoted(name: &str, error: &Error) -> Failure {
    let text = format!("the step {name:?} cannot be noted in the record of its job: {error}");
    match error.kind() {
        // The effect has happened, and every further attempt would come to the same end.
        ErrorKind::TooLarge => Failure::framework(Code::TooLarge, text).terminal(),
        _ => Failure::internal(text),
    }
}

fn read<T: DeserializeOwned>(name: &str, result: Value) -> Result<T, Failure> {
    serde_json::from_value(result).map_err(|cause| {
        let text = format!(
            "what an earlier attempt kept of the step {name:?} cannot be read as the type that is \
             wanted now: {cause}"
        );
        Failure::internal(text).terminal()
    })
}

fn unknown(name: &str, attempt: u32) -> Failure {
    let text = format!(
        "attempt {attempt} began the step {name:?}, and nobody knows whether it has happened: look, \
         and then bring the job back (`aegis command retry`, which takes it again), or leave it. In \
         code `.resolve(..)` finds out, `.idempotent()` takes it again"
    );
    Failure::new("MAYBE_EXECUTED", text).terminal()
}
