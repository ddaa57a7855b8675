//! A fork in the way of one instance: its two connections go through proxies of their own. They
//! tell which they are in their first line.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::*;

/// Where an instance connects. Dropping it closes its connections.
pub(super) struct Fork {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// Where connections go on.
#[derive(Clone, Copy)]
struct Ways {
    server: SocketAddr,
    calls: SocketAddr,
    control: SocketAddr,
}

impl Fork {
    pub(super) async fn start(server: SocketAddr, calls: &Proxy, control: &Proxy) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let ways = Ways {
            server,
            calls: calls.address(),
            control: control.address(),
        };
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                // One that fails is closed, and made again by its client.
                connections.spawn(async move { pass(client, ways).await.ok() });
            }
        });
        Self { address, task }
    }

    pub(super) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }
}

impl Drop for Fork {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(client: TcpStream, ways: Ways) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    // The client says nothing before it is greeted, and the greeting of any server will do.
    let greeting = greeting(&mut BufReader::new(TcpStream::connect(ways.server).await?)).await?;
    client.get_mut().write_all(&greeting).await?;
    let mut first = String::new();
    client.read_line(&mut first).await?;
    let is_control = first.contains("-control\"");
    let way = if is_control { ways.control } else { ways.calls };
    let mut server = BufReader::new(TcpStream::connect(way).await?);
    self::greeting(&mut server).await?;
    server.get_mut().write_all(first.as_bytes()).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

async fn greeting(server: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut line = Vec::new();
    server.read_until(b'\n', &mut line).await?;
    Ok(line)
}
