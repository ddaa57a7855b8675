//! One connection to a pod, and the bytes that go through it.

use std::time::Duration;

use kube::api::Portforwarder;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, copy};
use tokio::net::TcpStream;

/// A server of NATS greets as soon as there is a connection.
const GREETING: Duration = Duration::from_secs(5);
/// What the pod may still say when our side has ended: a dead way would never end by itself.
const LAST_WORDS: Duration = Duration::from_secs(2);
const MOST_AT_ONCE: usize = 16 * 1024;

/// A connection to a pod whose server has greeted.
pub(super) struct Link {
    forwarder: Ended,
    remote: DuplexStream,
    greeting: Vec<u8>,
}

/// Its task would outlive it.
struct Ended(Portforwarder);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Link {
    /// Waits until the server in the pod speaks. The error says why it does not.
    pub(super) async fn greeted(forwarder: Portforwarder, port: u16) -> Result<Self, String> {
        let mut forwarder = Ended(forwarder);
        let streams = (forwarder.0.take_stream(port), forwarder.0.take_error(port));
        let (Some(mut remote), Some(error)) = streams else {
            return Err("the API server opened no stream".to_owned());
        };
        let mut greeting = vec![0; MOST_AT_ONCE];
        let reading = tokio::time::timeout(GREETING, remote.read(&mut greeting));
        let refused = async {
            match error.await {
                Some(text) => text,
                // No error any more; the stream tells that it is over.
                None => std::future::pending().await,
            }
        };
        let length = tokio::select! {
            // The reason comes before the end.
            biased;
            text = refused => return Err(text),
            read = reading => match read {
                Ok(Ok(0) | Err(_)) => return Err("the connection ended at once".to_owned()),
                Ok(Ok(length)) => length,
                Err(_) => return Err(format!("it says nothing within {GREETING:?}")),
            },
        };
        greeting.truncate(length);
        Ok(Self {
            forwarder,
            remote,
            greeting,
        })
    }

    /// Passes on what both sides say, until one of them ends. Tells whether that was the pod.
    pub(super) async fn pass(self, local: TcpStream) -> bool {
        let Self {
            forwarder: _forwarder,
            remote,
            greeting,
        } = self;
        let (mut from_here, mut to_here) = local.into_split();
        let (mut from_pod, mut to_pod) = tokio::io::split(remote);
        let up = async {
            let _ = copy(&mut from_here, &mut to_pod).await;
            let _ = to_pod.shutdown().await;
        };
        let down = async {
            if to_here.write_all(&greeting).await.is_ok() {
                let _ = copy(&mut from_pod, &mut to_here).await;
            }
        };
        let (mut up, mut down) = (std::pin::pin!(up), std::pin::pin!(down));
        tokio::select! {
            () = &mut down => true,
            () = &mut up => {
                let _ = tokio::time::timeout(LAST_WORDS, down).await;
                false
            }
        }
    }
}
