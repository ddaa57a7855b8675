//! One port-forward: a WebSocket whose messages begin with the number of a channel, 0 for bytes and 1
//! for an error; the first message of each says which port it is.

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role};

use super::http::Request;

const PORT: u16 = 4222;

/// Runs until a side ends, or the pod does.
pub(super) async fn run(
    mut stream: TcpStream,
    request: &Request,
    address: &str,
    mut ended: watch::Receiver<()>,
) {
    let key = request.header("sec-websocket-key").unwrap_or_default();
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-accept: {}\r\nsec-websocket-protocol: v4.channel.k8s.io\r\n\r\n",
        derive_accept_key(key.as_bytes())
    );
    if stream.write_all(answer.as_bytes()).await.is_err() {
        return;
    }
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    for channel in [0, 1] {
        let [low, high] = PORT.to_le_bytes();
        let first = Message::binary(vec![channel, low, high]);
        if socket.send(first).await.is_err() {
            return;
        }
    }
    tokio::select! {
        () = pass(&mut socket, address) => {}
        // The sender is gone: the pod is.
        _ = ended.changed() => {}
    }
}

async fn pass(socket: &mut WebSocketStream<TcpStream>, address: &str) {
    let mut pod = match TcpStream::connect(address).await {
        Ok(pod) => pod,
        Err(error) => {
            let mut text = vec![1];
            text.extend(format!("failed to connect to port {PORT}: {error}").into_bytes());
            let _ = socket.send(Message::binary(text)).await;
            let _ = socket.close(None).await;
            return;
        }
    };
    let mut bytes = vec![0; 16 * 1024];
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Binary(bytes))) if bytes.first() == Some(&0) => {
                    if pod.write_all(&bytes[1..]).await.is_err() {
                        return;
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
            read = pod.read(&mut bytes[1..]) => match read {
                Ok(0) | Err(_) => {
                    let _ = socket.close(None).await;
                    return;
                }
                Ok(length) => {
                    let message = Message::binary(bytes[..=length].to_vec());
                    if socket.send(message).await.is_err() {
                        return;
                    }
                }
            },
        }
    }
}
