//! As much HTTP as the stand-in needs: one request, one answer, and the end of the connection.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// More is no request of ours.
const LONGEST: usize = 64 * 1024;

/// The head of a request.
#[derive(Debug)]
pub(super) struct Request {
    target: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// The path, without what follows `?`.
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        let found = all.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }
}

/// Reads the head of a request, and no byte more: what follows belongs to a tunnel.
pub(super) async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
        assert!(head.len() < LONGEST, "a request without an end");
    }
    let head = String::from_utf8(head).expect("a head of text");
    let mut lines = head.lines();
    let target = lines.next()?.split(' ').nth(1)?.to_owned();
    let pairs = lines.filter_map(|line| line.split_once(": "));
    let headers = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Some(Request {
        target,
        headers: headers.collect(),
    })
}

/// Writes an answer. That nobody reads it any more is no matter.
pub(super) async fn write(stream: &mut TcpStream, code: u16, body: &Value) {
    let body = body.to_string();
    let answer = format!(
        "HTTP/1.1 {code} Answer\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}
