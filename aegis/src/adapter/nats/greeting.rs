//! Asks who listens at an address: a NATS server speaks first, and says what it is.

use std::io::ErrorKind as Io;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;

/// A server's first line is shorter.
const LONGEST: u64 = 64 * 1024;

/// The first line of a NATS server.
#[derive(Debug, Deserialize)]
pub(crate) struct Greeting {
    #[serde(rename = "server_id")]
    _server_id: String,
    pub(crate) version: String,
}

/// Reads the first line at an address, `host:port`. The error says what is there instead.
pub(crate) async fn greeting(address: &str, within: Duration) -> Result<Greeting, String> {
    let connecting = tokio::time::timeout(within, TcpStream::connect(address));
    let stream = match connecting.await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) if error.kind() == Io::ConnectionRefused => {
            return Err("nobody listens there".to_owned());
        }
        // The resolver has no error kind of its own.
        Ok(Err(error)) if error.raw_os_error().is_none() => {
            return Err("there is no such name".to_owned());
        }
        Ok(Err(error)) => return Err(format!("no connection: {error}")),
        Err(_) => return Err(format!("no connection within {within:?}")),
    };
    let mut line = String::new();
    let mut start = BufReader::new(stream.take(LONGEST));
    match tokio::time::timeout(within, start.read_line(&mut line)).await {
        Ok(Ok(0)) => return Err("it ended the connection without a word".to_owned()),
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(format!("no NATS server: {error}")),
        Err(_) => return Err(format!("it says nothing within {within:?}: no NATS server")),
    }
    let greeting = line.strip_prefix("INFO ").map(str::trim_end);
    let greeting = greeting.and_then(|text| serde_json::from_str(text).ok());
    greeting.ok_or_else(|| "something listens there, and it is no NATS server".to_owned())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    const WITHIN: Duration = Duration::from_secs(5);

    async fn answer(line: &'static [u8]) -> Result<Greeting, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(line).await.unwrap();
        });
        let found = greeting(&address, WITHIN).await;
        server.await.unwrap();
        found
    }

    #[tokio::test]
    async fn only_a_nats_server_greets_like_one() {
        let found = answer(b"INFO {\"server_id\":\"N\",\"version\":\"2.15.1\",\"x\":1} \r\n").await;
        assert_eq!(found.unwrap().version, "2.15.1");
        for (line, expected) in [
            (&b""[..], "without a word"),
            (b"220 mail\r\n", "it is no NATS server"),
            (b"INFO \r\n", "it is no NATS server"),
            (b"INFO {\"version\":\"1\"}\r\n", "it is no NATS server"),
            (b"\xff\xfe\r\n", "no NATS server"),
        ] {
            let text = answer(line).await.unwrap_err();
            assert!(text.contains(expected), "{text}");
        }
    }

    #[tokio::test]
    async fn who_does_not_answer_is_told_apart() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = silent.local_addr().unwrap().to_string();
        let text = greeting(&address, Duration::from_millis(50)).await;
        assert!(text.unwrap_err().contains("says nothing within 50ms"));
        drop(silent);
        let text = greeting(&address, WITHIN).await.unwrap_err();
        assert_eq!(text, "nobody listens there");
    }
}
