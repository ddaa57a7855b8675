//! The connection of one command.

use aegis::{Client, Config};

use crate::ending::Interrupted;
use crate::signals::Signals;

/// Connects, unless a signal comes first.
pub(crate) async fn open(config: Config, signals: &mut Signals) -> anyhow::Result<Client> {
    tokio::select! {
        client = Client::connect(config) => Ok(client?),
        () = signals.next() => Err(Interrupted.into()),
    }
}

/// Closes it. What was done was answered: a server that is not heard any more changes nothing.
pub(crate) async fn close(client: &Client) {
    let _ = client.close().await;
}
