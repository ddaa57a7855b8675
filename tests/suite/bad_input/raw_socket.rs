//! A peer that writes the NATS protocol itself, to send what no client would.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A connection without a client.
pub(super) struct RawSocket(BufReader<TcpStream>);

impl RawSocket {
    pub(super) async fn connect(url: &str) -> Self {
        let address = url.trim_start_matches("nats://");
        let mut socket = Self(BufReader::new(TcpStream::connect(address).await.unwrap()));
        let connect = b"CONNECT {\"verbose\":false,\"headers\":true,\"protocol\":1}\r\n";
        socket.write(connect).await;
        socket.reaches_the_server().await;
        socket
    }

    /// Sends a request with these bytes for headers, and waits until the server has taken it.
    pub(super) async fn publish(&mut self, subject: &str, headers: &[u8], body: &[u8]) {
        let (head, all) = (headers.len(), headers.len() + body.len());
        let line = format!("HPUB {subject} _INBOX.raw {head} {all}\r\n");
        let parts = [line.as_bytes(), headers, body, b"\r\n"];
        self.write(&parts.concat()).await;
        self.reaches_the_server().await;
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).await.unwrap();
    }

    async fn reaches_the_server(&mut self) {
        self.write(b"PING\r\n").await;
        let mut line = String::new();
        while line != "PONG\r\n" {
            line.clear();
            let read = self.0.read_line(&mut line);
            let read = tokio::time::timeout(Duration::from_secs(20), read).await;
            assert!(
                read.unwrap().unwrap() > 0,
                "the server closed the connection"
            );
        }
    }
}
