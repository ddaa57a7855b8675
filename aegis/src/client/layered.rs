//! What is sent, inside the layers of its client.

use futures_util::future::BoxFuture;

use crate::error::{Error, Result};
use crate::layer::{Began, Layers, Operation, Sent};
use crate::model::{Failure, Headers};

/// Sends something with the headers that the layers leave it.
pub(super) async fn inside_layers<'n, T: Send + 'static>(
    layers: &'n Layers,
    sent: &Sent<'_>,
    work: impl FnOnce(&Headers) -> BoxFuture<'n, Result<T>> + Send + 'n,
) -> Result<T> {
    let work = move |operation: &Operation| work(operation.headers());
    let failure = |outcome: &Result<T>| outcome.as_ref().err().map(Error::as_failure);
    let ended = layers.run(Operation::sent(sent), work, failure, refused);
    ended.await
}

/// What a layer refused before the sending was not sent.
pub(super) fn refused<T>(failure: Failure, began: Began) -> Result<T> {
    let error = Error::reported(failure);
    Err(match began {
        Began::No => error.before_sending(),
        Began::Yes => error.after_sending(),
    })
}
