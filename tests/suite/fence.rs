//! Fenced writes as they stand on the wire, and while the server fails.

use std::time::Duration;

use aegis::testing::{NatsServer, leadership, store};
use aegis::{Bucket, Client, Config, ErrorKind};
use aegis_tests::proxy::{Direction, Proxy};
use aegis_tests::{eventually, shared_server, soon, unique_prefix};
use serde_json::{Value, json};

/// The newest message on a subject, as any client reads it: its headers, and its body.
async fn stored(nats: &async_nats::Client, bucket: &str, key: &str) -> (u64, Vec<String>, String) {
    let subject = format!("$JS.API.STREAM.MSG.GET.KV_{bucket}");
    let body = json!({"last_by_subj": format!("$KV.{bucket}.{key}")}).to_string();
    let answer = soon("an answer", nats.request(subject, body.into())).await;
    let answer: Value = serde_json::from_slice(&answer.unwrap().payload).unwrap();
    let message = &answer["message"];
    let text = |field: &str| {
        let bytes = message[field].as_str().unwrap_or_default();
        let bytes = data_encoding::BASE64.decode(bytes.as_bytes()).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let headers = text("hdrs").lines().map(str::to_owned).collect();
    (message["seq"].as_u64().unwrap(), headers, text("data"))
}

#[tokio::test]
async fn a_fenced_write_says_epoch_fence_and_its_revision() {
    let url = shared_server().await;
    let config = Config::default().url(&url);
    let client = Client::connect(config.clone()).await.unwrap();
    let name = unique_prefix();
    let books = client.bucket(&name).max_bytes(1 << 20);
    let books: Bucket<u64> = books.open().await.unwrap();
    let leader = leadership("ledger", "main books", 42).unwrap();
    books.put("a b", &1).fenced(&leader).await.unwrap();

    let nats = async_nats::connect(&url).await.unwrap();
    let (revision, _, epoch) = stored(&nats, &name, "=FE.ledger.main=20books").await;
    assert_eq!(epoch, "42");
    let (_, headers, value) = stored(&nats, &name, "a=20b").await;
    assert_eq!(value, "1");
    let mut expected = vec![
        "Aegis-Epoch: 42".to_owned(),
        "Aegis-Fence: =FE.ledger.main=20books".to_owned(),
    ];
    if store(&config).await.unwrap().features().fenced_writes {
        let subject = format!("$KV.{name}.=FE.ledger.main=20books");
        expected.extend([
            format!("Nats-Expected-Last-Subject-Sequence: {revision}"),
            format!("Nats-Expected-Last-Subject-Sequence-Subject: {subject}"),
        ]);
    }
    for header in expected {
        assert!(headers.contains(&header), "{header} in {headers:?}");
    }

    // A peer in another language that raises the fence is a newer leader.
    let subject = format!("$KV.{name}.=FE.ledger.main=20books");
    soon("an answer", nats.request(subject, "43".into()))
        .await
        .unwrap();
    let late = books.put("a b", &2).fenced(&leader).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::NotActive, "{late}");
    assert_eq!(stored(&nats, &name, "a=20b").await.2, "1");
}

#[tokio::test]
async fn a_fence_outlives_the_server() {
    let mut server = NatsServer::start().await.unwrap();
    let config = Config::default().url(&server.url());
    let client = Client::connect(config).await.unwrap();
    let books: Bucket<u64> = client.bucket("books").open().await.unwrap();
    let old = leadership("ledger", "main", 7).unwrap();
    let new = leadership("ledger", "main", 8).unwrap();
    books.put("a", &1).fenced(&old).await.unwrap();
    books.put("a", &2).fenced(&new).await.unwrap();
    server.kill().await;
    let within = Duration::from_millis(200);
    for leader in [&new, &old] {
        let put = books.put("a", &3).fenced(leader).within(within);
        let kind = put.await.unwrap_err().kind();
        let outage = matches!(kind, ErrorKind::Timeout | ErrorKind::Disconnected);
        assert!(outage, "{kind:?} is no word about who leads");
    }
    server.restart().await.unwrap();
    let within = Duration::from_secs(20);
    let put = books.put("a", &4).fenced(&new).within(within);
    put.await.unwrap();
    let late = books.put("a", &5).fenced(&old).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::NotActive, "{late}");
    assert_eq!(books.get("a").await.unwrap(), Some(4));
}

/// Which of two ways to the server a client has taken.
async fn taken(ways: &[Proxy; 2]) -> &Proxy {
    soon("a connection", async {
        loop {
            if let Some(way) = ways.iter().find(|way| way.connections() == 1) {
                return way;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

#[tokio::test]
async fn what_is_lost_on_its_way_never_lands_behind_a_later_write() {
    let server = NatsServer::start().await.unwrap();
    let ways = [(); 2].map(|()| Proxy::start(([127, 0, 0, 1], server.port()).into()));
    let [one, two] = &ways;
    let config = Config::default().url(&format!("{},{}", one.url(), two.url()));
    let config = config.ping_interval(Duration::from_millis(200));
    let client = Client::connect(config).await.unwrap();
    let books: Bucket<u64> = client.bucket("books").open().await.unwrap();
    let leader = leadership("ledger", "main", 7).unwrap();
    books.put("a", &1).fenced(&leader).await.unwrap();

    let way = taken(&ways).await;
    way.blackhole(Direction::Both);
    let within = Duration::from_millis(100);
    let put = books.put("a", &2).fenced(&leader).within(within);
    let lost = put.await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Timeout, "{lost}");
    // On the same connection, so behind it.
    let put = books.put("behind", &1).within(within);
    assert!(put.await.is_err());
    // The client has given that connection up before it takes the other way.
    let other = [one, two]
        .into_iter()
        .find(|other| other.address() != way.address());
    eventually("the other way", async || other.unwrap().connections() == 1).await;
    for value in 3..=5 {
        let within = Duration::from_secs(20);
        let put = books.put("a", &value).fenced(&leader).within(within);
        put.await.unwrap();
    }
    way.heal();
    eventually("what was on its way", async || {
        books.get("behind").await.unwrap().is_some()
    })
    .await;
    assert_eq!(books.get("a").await.unwrap(), Some(5));
}
