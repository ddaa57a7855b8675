//! The server's monitoring page, `/varz`: the only place that tells when it writes to its disk, and how
//! many servers its cluster has.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::facts::Sync;

/// Where servers have it as a rule.
const PORT: u16 = 8222;
/// By so much that is above the port for clients, with `aegis dev` on any port.
const ABOVE: u16 = 4000;
/// A page that is larger is none of a server.
const MOST: u64 = 4 << 20;

/// The host in an address such as `nats://10.0.0.1:4222`, the first if there are several.
pub(super) fn host(url: &str) -> Option<String> {
    let first = url.split(',').next()?.trim();
    let rest = first.split_once("://").map_or(first, |(_, rest)| rest);
    let place = rest.split('/').next()?;
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let host = match place.strip_prefix('[') {
        Some(six) => six.split(']').next()?,
        None => place.split(':').next()?,
    };
    (!host.is_empty()).then(|| host.to_owned())
}

/// The page of a server on this computer.
fn usual(server: &str) -> Option<String> {
    let host = host(server).filter(|host| is_loopback(host))?;
    let port = server.split([',', '/']).rfind(|part| part.contains(':'));
    let port = port.and_then(|place| place.rsplit(':').next()?.parse::<u16>().ok());
    let port = port
        .and_then(|port| port.checked_add(ABOVE))
        .unwrap_or(PORT);
    Some(if host.contains(':') {
        format!("http://[{host}]:{port}")
    } else {
        format!("http://{host}:{port}")
    })
}

pub(super) fn is_loopback(host: &str) -> bool {
    let number = host.parse::<IpAddr>();
    host == "localhost" || number.is_ok_and(|number| number.is_loopback())
}

/// What the page tells.
#[derive(Debug, PartialEq)]
pub(super) struct Told {
    pub(super) sync: Sync,
    /// How many servers of the cluster have JetStream; none if it is not told.
    pub(super) cluster_size: Option<usize>,
}

impl Told {
    fn nothing(why: String) -> Self {
        Self {
            sync: Sync::Unknown(why),
            cluster_size: None,
        }
    }
}

/// What the server tells at the page that was named, else at the usual one if the server is on this
/// computer.
pub(super) async fn told(named: Option<&str>, server: &str, name: &str, within: Duration) -> Told {
    let page = match named {
        Some(named) => named.trim_end_matches('/').to_owned(),
        None => match usual(server) {
            Some(page) => page,
            None => return Told::nothing("its monitoring page was not named".to_owned()),
        },
    };
    let asked = tokio::time::timeout(within, get(&page, "/varz")).await;
    match asked {
        Ok(Ok(varz)) => read(&varz, name, &page),
        Ok(Err(error)) => Told::nothing(format!("{page} does not tell: {error:#}")),
        Err(_) => Told::nothing(format!("{page} did not answer within {within:?}")),
    }
}

/// Reads `/varz`, which must be that of this server.
fn read(varz: &Value, name: &str, page: &str) -> Told {
    let other = varz["server_name"].as_str().unwrap_or_default();
    if other != name {
        return Told::nothing(format!("{page} is the page of another server, {other:?}"));
    }
    let size = varz["jetstream"]["meta"]["cluster_size"].as_u64();
    Told {
        sync: sync(&varz["jetstream"]["config"], page),
        cluster_size: size.and_then(|size| usize::try_from(size).ok()),
    }
}

/// When it writes to its disk.
fn sync(config: &Value, page: &str) -> Sync {
    if config["sync_always"].as_bool().unwrap_or_default() {
        return Sync::Always;
    }
    match config["sync_interval"].as_u64() {
        Some(interval) => Sync::Every(Duration::from_nanos(interval)),
        None => Sync::Unknown(format!("{page} says nothing of it")),
    }
}

/// One page, by HTTP/1.0: no chunks, and the connection ends with it.
async fn get(page: &str, path: &str) -> anyhow::Result<Value> {
    let place = page
        .strip_prefix("http://")
        .context("it is an address such as http://host:8222, without TLS")?;
    let place = if place.contains("]:") || (place.contains(':') && !place.ends_with(']')) {
        place.to_owned()
    } else {
        format!("{place}:{PORT}")
    };
    let mut connection = TcpStream::connect(&place).await?;
    let question =
        format!("GET {path} HTTP/1.0\r\nHost: {place}\r\nAccept: application/json\r\n\r\n");
    connection.write_all(question.as_bytes()).await?;
    let mut answer = Vec::new();
    connection.take(MOST).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("what it answers is no HTTP")?;
    let status = head.lines().next().unwrap_or_default();
    anyhow::ensure!(status.contains(" 200"), "it answers {status:?}");
    serde_json::from_str(body).context("what it answers is no JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_host_is_found_in_an_address() {
        for (url, expected, here) in [
            ("nats://127.0.0.1:4222", "127.0.0.1", true),
            ("nats://127.0.0.1:4222, nats://b:1", "127.0.0.1", true),
            ("tls://user@nats.example:4222/", "nats.example", false),
            ("localhost:4222", "localhost", true),
            ("nats://[::1]:4222", "::1", true),
            ("10.0.0.1", "10.0.0.1", false),
        ] {
            let found = host(url).unwrap();
            assert_eq!((&*found, is_loopback(&found)), (expected, here), "{url}");
        }
        assert_eq!(host("nats://"), None);
    }

    #[test]
    fn the_usual_page_is_that_of_a_server_on_this_computer() {
        for (url, page) in [
            ("nats://127.0.0.1:4222", Some("http://127.0.0.1:8222")),
            ("nats://127.0.0.1:5000", Some("http://127.0.0.1:9000")),
            ("localhost", Some("http://localhost:8222")),
            ("nats://[::1]:4222", Some("http://[::1]:8222")),
            ("nats://127.0.0.1:64000", Some("http://127.0.0.1:8222")),
            ("nats://nats.example:4222", None),
        ] {
            assert_eq!(usual(url).as_deref(), page, "{url}");
        }
    }

    #[test]
    fn varz_tells_when_the_server_writes() {
        let of = |config: Value| {
            let varz = json!({"server_name": "n", "jetstream": {"config": config}});
            read(&varz, "n", "p").sync
        };
        let minutes = Duration::from_secs(120);
        assert_eq!(
            of(json!({"sync_interval": 120_000_000_000u64})),
            Sync::Every(minutes)
        );
        assert_eq!(
            of(json!({"sync_interval": 1, "sync_always": true})),
            Sync::Always
        );
        assert!(matches!(of(json!({})), Sync::Unknown(_)));
        let other = read(&json!({"server_name": "m"}), "n", "p");
        let text = "p is the page of another server, \"m\"".to_owned();
        assert_eq!(other, Told::nothing(text));
        let varz = json!({"server_name": "n", "jetstream": {"meta": {"cluster_size": 3}}});
        assert_eq!(read(&varz, "n", "p").cluster_size, Some(3));
    }
}
