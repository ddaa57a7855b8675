//! The proxy's thread: it accepts connections, obeys orders, and owns all sockets.

use std::net::{SocketAddr, TcpListener as Waiting};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};

use super::lane::carry;
use super::{Order, Rules};

/// More connections than this wait until others have ended.
const MOST_CONNECTIONS: usize = 1024;
/// How long the server has for a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// After a failure to accept, most likely because files ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Runs until nobody is left who could give an order.
pub(super) fn run(listener: Waiting, to: SocketAddr, orders: mpsc::UnboundedReceiver<Order>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime for the proxy");
    runtime.block_on(async {
        listener.set_nonblocking(true).expect("a listener");
        let second = listener.try_clone().expect("a second handle");
        let core = Core {
            waiting: listener,
            listener: TcpListener::from_std(second).expect("a listener"),
            to,
            rules: watch::Sender::new(Rules::default()),
            connections: JoinSet::new(),
        };
        core.obey(orders).await;
    });
}

struct Core {
    /// The same listener without a runtime: it knows at once who waits to be accepted.
    waiting: Waiting,
    listener: TcpListener,
    to: SocketAddr,
    rules: watch::Sender<Rules>,
    connections: JoinSet<()>,
}

impl Core {
    async fn obey(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(order) => self.execute(order).await,
                    None => return,
                },
                accepted = self.listener.accept(),
                    if self.connections.len() < MOST_CONNECTIONS => match accepted {
                    Ok((client, _)) => self.accept(client),
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                Some(ended) = self.connections.join_next() => reap(ended),
            }
        }
    }

    async fn execute(&mut self, order: Order) {
        self.rules.send_modify(order.change);
        if order.resets {
            self.reset().await;
        }
        while let Some(ended) = self.connections.try_join_next() {
            reap(ended);
        }
        // Only who has panicked does not wait for this.
        let _gone = order.done.send(self.connections.len());
    }

    /// All who are connected, also those who have not been accepted yet.
    async fn reset(&mut self) {
        self.connections.abort_all();
        while let Some(ended) = self.connections.join_next().await {
            reap(ended);
        }
        while let Ok((client, _)) = self.waiting.accept() {
            if client.set_nonblocking(true).is_ok() {
                drop(TcpStream::from_std(client).map(Socket::new));
            }
        }
    }

    fn accept(&mut self, client: TcpStream) {
        let client = Socket::new(client);
        if !self.rules.borrow().cut {
            let connection = connection(client, self.to, self.rules.subscribe());
            self.connections.spawn(connection);
        }
    }
}

/// What panics in a connection ends the proxy: its test must not pass.
fn reap(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        assert!(!error.is_panic(), "a connection panicked: {error}");
    }
}

/// A socket that is reset if it is dropped before both sides have ended well.
struct Socket {
    stream: TcpStream,
    ended: bool,
}

impl Socket {
    fn new(stream: TcpStream) -> Self {
        // A proxy adds no delay of its own. What cannot be set is not worth a failure.
        let _set = stream.set_nodelay(true);
        Self {
            stream,
            ended: false,
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if !self.ended {
            // It fails if the peer was faster.
            let _set = self.stream.set_zero_linger();
        }
    }
}

/// One connection, until both ways have ended, or one has failed, or it is reset.
async fn connection(mut client: Socket, to: SocketAddr, rules: watch::Receiver<Rules>) {
    let connecting = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(to));
    let Ok(Ok(server)) = connecting.await else {
        return;
    };
    let mut server = Socket::new(server);
    let (from_client, to_client) = client.stream.split();
    let (from_server, to_server) = server.stream.split();
    let there = carry(from_client, to_server, rules.clone(), |all| all.to_server);
    let back = carry(from_server, to_client, rules, |all| all.to_client);
    let ended = tokio::try_join!(there, back).is_ok();
    client.ended = ended;
    server.ended = ended;
}
