//! Every order, on bytes between two sockets of the test; and all of them on a NATS connection.

use std::io::ErrorKind;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::*;
use crate::soon;

/// How long a test looks at what must not happen. Less would only see less.
const LOOK: Duration = Duration::from_millis(30);

/// A proxy, a client of it, and the server's end of that connection.
struct Line {
    listener: TcpListener,
    proxy: Proxy,
    client: TcpStream,
    server: TcpStream,
}

impl Line {
    async fn open() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let proxy = Proxy::start(listener.local_addr().unwrap());
        let (client, server) = connect(&proxy, &listener).await;
        Self {
            listener,
            proxy,
            client,
            server,
        }
    }

    /// The ends that write and read if bytes go that way.
    fn ends(&mut self, direction: Direction) -> (&mut TcpStream, &mut TcpStream) {
        match direction {
            Direction::ToServer => (&mut self.client, &mut self.server),
            _ => (&mut self.server, &mut self.client),
        }
    }
}

/// Once bytes have gone both ways the proxy knows the connection.
async fn connect(proxy: &Proxy, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    let (mut server, _) = soon("a connection", listener.accept()).await.unwrap();
    passes(&mut client, &mut server, b"hello").await;
    passes(&mut server, &mut client, b"welcome").await;
    (client, server)
}

async fn read(from: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    soon("bytes", from.read_exact(&mut bytes)).await.unwrap();
    bytes
}

async fn passes(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]) {
    from.write_all(bytes).await.unwrap();
    assert_eq!(read(to, bytes.len()).await, bytes);
}

async fn nothing_comes(at: &mut TcpStream) {
    let byte = timeout(LOOK, at.read_u8()).await;
    assert!(byte.is_err(), "nothing was to come: {byte:?}");
}

async fn is_reset(at: &mut TcpStream) {
    let error = soon("a reset", at.read_u8()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

const EACH: [Direction; 2] = [Direction::ToServer, Direction::ToClient];

#[tokio::test]
async fn bytes_and_ends_pass_both_ways() {
    let mut line = Line::open().await;
    assert_eq!(line.proxy.connections(), 1);
    let long: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    for direction in EACH {
        let (from, to) = line.ends(direction);
        let ((), got) = tokio::join!(
            async { from.write_all(&long).await.unwrap() },
            read(to, long.len())
        );
        assert!(got == long, "{direction:?}");
    }
    // One end closes its way; the other one still speaks, and then closes as well.
    line.client.shutdown().await.unwrap();
    let end = soon("the end", line.server.read_u8()).await.unwrap_err();
    assert_eq!(end.kind(), ErrorKind::UnexpectedEof);
    passes(&mut line.server, &mut line.client, b"still here").await;
    line.server.shutdown().await.unwrap();
    let end = soon("the end", line.client.read_u8()).await.unwrap_err();
    assert_eq!(end.kind(), ErrorKind::UnexpectedEof);
    crate::eventually("it is forgotten", async || line.proxy.connections() == 0).await;
}

#[tokio::test]
async fn a_reset_of_one_end_is_a_reset_of_the_other() {
    for direction in EACH {
        let line = Line::open().await;
        let (one, mut other) = match direction {
            Direction::ToServer => (line.client, line.server),
            _ => (line.server, line.client),
        };
        one.set_zero_linger().unwrap();
        drop(one);
        is_reset(&mut other).await;
    }
}

#[tokio::test]
async fn a_cut_resets_what_is_there_and_what_comes_until_it_heals() {
    let mut line = Line::open().await;
    // This one may not have been accepted when the cut comes.
    let mut early = TcpStream::connect(line.proxy.address()).await.unwrap();
    line.proxy.cut();
    assert_eq!(line.proxy.connections(), 0);
    is_reset(&mut line.client).await;
    is_reset(&mut line.server).await;
    is_reset(&mut early).await;
    // The reset may already be there when the system has connected it.
    if let Ok(mut late) = TcpStream::connect(line.proxy.address()).await {
        is_reset(&mut late).await;
    }
    line.proxy.heal();
    // The early one may have got through to the server.
    let mut client = TcpStream::connect(line.proxy.address()).await.unwrap();
    client.write_all(b"back").await.unwrap();
    soon("the new connection", async {
        loop {
            let (mut server, _) = line.listener.accept().await.unwrap();
            let mut bytes = [0; 4];
            if server.read_exact(&mut bytes).await.is_ok() {
                return assert_eq!(&bytes, b"back");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn all_are_reset_once() {
    let mut line = Line::open().await;
    let (mut client, mut server) = connect(&line.proxy, &line.listener).await;
    line.proxy.reset_all();
    for end in [&mut line.client, &mut line.server, &mut client, &mut server] {
        is_reset(end).await;
    }
    connect(&line.proxy, &line.listener).await;
}

#[tokio::test]
async fn a_connection_that_was_just_opened_is_reset_as_well() {
    let line = Line::open().await;
    for _ in 0..50 {
        let mut client = TcpStream::connect(line.proxy.address()).await.unwrap();
        line.proxy.reset_all();
        is_reset(&mut client).await;
    }
}

#[tokio::test]
async fn what_was_sent_before_the_end_arrives_though_its_reader_is_slow() {
    let line = Line::open().await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    // Most of it waits in the system's buffer of the proxy.
    socket.set_recv_buffer_size(4096).unwrap();
    let mut client = socket.connect(line.proxy.address()).await.unwrap();
    client.shutdown().await.unwrap();
    let (mut server, _) = soon("it", line.listener.accept()).await.unwrap();
    let long = vec![7; 64 * 1024];
    server.write_all(&long).await.unwrap();
    drop(server);
    crate::eventually("the proxy is done", async || line.proxy.connections() == 1).await;
    assert!(read(&mut client, long.len()).await == long);
}

#[tokio::test]
async fn a_black_hole_holds_one_way_and_lets_go_in_order() {
    for direction in EACH {
        let mut line = Line::open().await;
        line.proxy.blackhole(direction);
        let (from, to) = line.ends(direction);
        from.write_all(b"one").await.unwrap();
        // The other way is open.
        passes(to, from, b"other").await;
        nothing_comes(to).await;
        from.write_all(b"two").await.unwrap();
        from.shutdown().await.unwrap();
        nothing_comes(to).await;
        line.proxy.heal();
        let (_, to) = line.ends(direction);
        let mut all = String::new();
        soon("the rest", to.read_to_string(&mut all)).await.unwrap();
        assert_eq!(all, "onetwo");
    }
}

#[tokio::test]
async fn a_black_hole_both_ways_also_takes_new_connections() {
    let mut line = Line::open().await;
    // Two orders add up.
    line.proxy.blackhole(Direction::ToServer);
    line.proxy.blackhole(Direction::ToClient);
    let mut client = TcpStream::connect(line.proxy.address()).await.unwrap();
    client.write_all(b"new").await.unwrap();
    line.client.write_all(b"up").await.unwrap();
    line.server.write_all(b"down").await.unwrap();
    nothing_comes(&mut line.client).await;
    nothing_comes(&mut line.server).await;
    line.proxy.heal();
    assert_eq!(read(&mut line.client, 4).await, b"down");
    assert_eq!(read(&mut line.server, 2).await, b"up");
    let (mut server, _) = soon("it", line.listener.accept()).await.unwrap();
    assert_eq!(read(&mut server, 3).await, b"new");
}

#[tokio::test]
async fn what_a_black_hole_held_of_a_reset_connection_is_lost() {
    let mut line = Line::open().await;
    line.proxy.blackhole(Direction::Both);
    line.client.write_all(b"lost").await.unwrap();
    nothing_comes(&mut line.server).await;
    line.proxy.reset_all();
    line.proxy.heal();
    is_reset(&mut line.server).await;
}

#[tokio::test]
async fn what_is_held_is_bounded_and_the_sender_waits() {
    type Disturb = fn(&Proxy);
    let ways: [Disturb; 2] = [
        |proxy| proxy.blackhole(Direction::ToServer),
        |proxy| proxy.delay(Duration::from_secs(3600)),
    ];
    for disturb in ways {
        let mut line = Line::open().await;
        disturb(&line.proxy);
        let (chunk, most) = (vec![7; 64 * 1024], 256 * 1024 * 1024);
        let mut sent = 0;
        while let Ok(written) = timeout(LOOK * 10, line.client.write(&chunk)).await {
            sent += written.unwrap();
            assert!(sent < most, "somebody holds all that");
        }
        line.proxy.heal();
        line.client.shutdown().await.unwrap();
        let mut got = Vec::new();
        let all = line.server.read_to_end(&mut got);
        soon("the rest", all).await.unwrap();
        assert_eq!(got.len(), sent);
    }
}

#[tokio::test]
async fn a_delay_takes_its_time_each_way() {
    let mut line = Line::open().await;
    let each = Duration::from_millis(40);
    line.proxy.delay(each);
    let start = Instant::now();
    passes(&mut line.client, &mut line.server, b"ping").await;
    assert!(start.elapsed() >= each);
    passes(&mut line.server, &mut line.client, b"pong").await;
    assert!(start.elapsed() >= 2 * each);
    // One way only; then not at all, which frees what is on its way.
    line.proxy.delay(Duration::ZERO);
    line.proxy
        .delay_towards(Direction::ToServer, Duration::from_secs(3600));
    passes(&mut line.server, &mut line.client, b"quick").await;
    for part in [b"one", b"two"] {
        line.client.write_all(part).await.unwrap();
        nothing_comes(&mut line.server).await;
    }
    line.proxy.delay(Duration::ZERO);
    assert_eq!(read(&mut line.server, 6).await, b"onetwo");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_reset() {
    let Line {
        listener, proxy, ..
    } = Line::open().await;
    drop(listener);
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    is_reset(&mut client).await;
}

/// How many threads of this process have that name.
#[cfg(target_os = "linux")]
fn threads(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| {
        // One that ends meanwhile is none.
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    });
    names.filter(|found| found.trim() == name).count()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn nothing_is_left_of_a_dropped_proxy() {
    let mut line = Line::open().await;
    line.proxy.blackhole(Direction::Both);
    let address = line.proxy.address();
    let name = thread_name(address);
    assert_eq!(threads(&name), 1);
    drop(line.proxy);
    is_reset(&mut line.client).await;
    is_reset(&mut line.server).await;
    let refused = TcpStream::connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    // A thread that was joined may be listed a moment longer.
    crate::eventually("the thread is gone", async || threads(&name) == 0).await;
}

#[test]
fn no_runtime_is_needed() {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap());
    let _client = std::net::TcpStream::connect(proxy.address()).unwrap();
    listener.accept().unwrap();
    proxy.cut();
}

#[tokio::test]
async fn a_nats_client_is_disturbed_and_comes_back() {
    use aegis::ConnectionState::{Connected, Disconnected};
    let server = aegis::testing::NatsServer::start().await.unwrap();
    let proxy = Proxy::start((Ipv4Addr::LOCALHOST, server.port()).into());
    let config = aegis::Config::default().url(&proxy.url());
    let client = aegis::Client::connect(config).await.unwrap();
    let mut state = client.connection();
    let nobody = async || {
        let call = client.call("nobody", "there", &serde_json::json!({}));
        let error = call.within(LOOK * 10).await.unwrap_err();
        error.kind().unwrap()
    };
    let there = aegis::ErrorKind::NoService;
    assert_eq!(nobody().await, there);
    for direction in [Direction::ToServer, Direction::ToClient, Direction::Both] {
        proxy.blackhole(direction);
        assert_eq!(nobody().await, aegis::ErrorKind::Timeout, "{direction:?}");
        proxy.heal();
        crate::eventually("an answer", async || nobody().await == there).await;
    }
    proxy.cut();
    let lost = state.wait_for(|now| *now == Disconnected);
    soon("the loss", lost).await.unwrap();
    // There is no way past the proxy.
    assert_eq!(nobody().await, aegis::ErrorKind::Disconnected);
    proxy.heal();
    let back = state.wait_for(|now| *now == Connected);
    soon("the connection", back).await.unwrap();
    crate::eventually("an answer", async || nobody().await == there).await;
}
