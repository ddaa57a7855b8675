//! A TCP proxy that a test puts between a client and its server, to disturb what passes.
//! `Proxy` gives the orders, `core` obeys them on a thread of its own, `lane` is one direction of
//! one connection.

mod core;
mod lane;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
    /// Either way.
    Both,
}

/// What happens to the bytes that go one way.
#[derive(Debug, Clone, Copy, Default)]
struct Rule {
    /// Nothing goes on.
    held: bool,
    /// How long each chunk is on its way.
    delay: Duration,
}

/// What holds for all connections.
#[derive(Debug, Clone, Copy, Default)]
struct Rules {
    cut: bool,
    to_server: Rule,
    to_client: Rule,
}

impl Rules {
    fn towards(&mut self, direction: Direction, change: impl Fn(&mut Rule)) {
        if direction != Direction::ToClient {
            change(&mut self.to_server);
        }
        if direction != Direction::ToServer {
            change(&mut self.to_client);
        }
    }
}

/// One order to the proxy's thread.
struct Order {
    change: Box<dyn FnOnce(&mut Rules) + Send>,
    /// Whether all connections are reset, too.
    resets: bool,
    /// Told how many connections there are then.
    done: SyncSender<usize>,
}

/// A proxy in front of one address. Dropping it resets its connections and ends its thread.
///
/// An order holds when its method returns: from then on no byte is passed on against it. What was
/// passed on before may still be on its way, in the buffers of the system. Orders may come from
/// any thread; they wait for the proxy's own, which does nothing else, so they do not wait long.
///
/// The proxy runs on a thread and a clock of its own: it works beside a runtime that is busy,
/// stopped or paused. Buffers are bounded. Who sends faster than the other side takes, or into a
/// black hole, is slowed down as by any slow peer.
///
/// Beware of clusters: their servers tell clients each other's addresses, which lead past it.
///
/// ```no_run
/// # async fn example() -> Result<(), aegis::testing::ServerError> {
/// use aegis_tests::proxy::{Direction, Proxy};
///
/// let server = aegis::testing::NatsServer::start().await?;
/// let proxy = Proxy::start(([127, 0, 0, 1], server.port()).into());
/// let config = aegis::Config::default().url(&proxy.url());
/// proxy.blackhole(Direction::ToServer);
/// // Whoever used that URL is alone now, and does not know it yet.
/// proxy.heal();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    // Unbounded, but every sender waits for the end of its order.
    orders: Option<mpsc::UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Listens on a free port of this host, and passes all connections on to that address.
    pub fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (orders, obeys) = mpsc::unbounded_channel();
        let thread = std::thread::Builder::new()
            .name(thread_name(address))
            .spawn(move || core::run(listener, to, obeys))
            .expect("a thread for the proxy");
        Self {
            address,
            orders: Some(orders),
            thread: Some(thread),
        }
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL: `nats://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// How many connections there are. One that has just been opened may not be among them yet.
    pub fn connections(&self) -> usize {
        self.order(false, |_| {})
    }

    /// Resets all connections on both sides; new ones are accepted and reset until
    /// [`heal`](Self::heal).
    pub fn cut(&self) {
        self.order(true, |rules| rules.cut = true);
    }

    /// Resets all connections once, on both sides; new ones are served. What a black hole held of
    /// them is lost.
    pub fn reset_all(&self) {
        self.order(true, |_| {});
    }

    /// Holds everything that goes this way, also the end of a connection. Connections stay open,
    /// and new ones are accepted: for the client that is all that differs from a network that
    /// swallows packets.
    ///
    /// What is held is passed on when it [heals](Self::heal), in order, also from connections that
    /// the client has given up meanwhile, as TCP does when a network is whole again: late messages
    /// of a former connection are among what a program has to survive. To lose them,
    /// [reset](Self::reset_all) before. Black holes add up: one each way is one both ways.
    pub fn blackhole(&self, direction: Direction) {
        self.order(false, move |rules| {
            rules.towards(direction, |rule| rule.held = true);
        });
    }

    /// Delays each chunk by this much on each way: a round trip takes twice as much longer. Also
    /// holds for what is on its way already; order is kept.
    ///
    /// At most 256 KiB are on their way in each direction of a connection; more waits at the sender.
    pub fn delay(&self, each: Duration) {
        self.delay_towards(Direction::Both, each);
    }

    /// Delays each chunk that goes this way; the other way stays as it is.
    pub fn delay_towards(&self, direction: Direction, each: Duration) {
        self.order(false, move |rules| {
            rules.towards(direction, |rule| rule.delay = each);
        });
    }

    /// Ends every disturbance: cuts, black holes and delays.
    pub fn heal(&self) {
        self.order(false, |rules| *rules = Rules::default());
    }

    fn order(&self, resets: bool, change: impl FnOnce(&mut Rules) + Send + 'static) -> usize {
        let (done, is_done) = sync_channel(1);
        let order = Order {
            change: Box::new(change),
            resets,
            done,
        };
        let orders = self.orders.as_ref().expect("orders until it is dropped");
        assert!(orders.send(order).is_ok(), "the proxy's thread has ended");
        is_done.recv().expect("the proxy's thread obeys")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Nobody is left who could give an order: that ends the thread.
        drop(self.orders.take());
        let ended = self.thread.take().map(JoinHandle::join);
        let well = !matches!(ended, Some(Err(_)));
        // A second panic would hide the first one.
        assert!(well || std::thread::panicking(), "the proxy panicked");
    }
}

/// At most 15 characters: no system shows more.
fn thread_name(address: SocketAddr) -> String {
    format!("proxy-{}", address.port())
}
