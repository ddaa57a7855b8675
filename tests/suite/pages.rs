//! What a program tells by HTTP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aegis::Config;
use aegis::prelude::*;
use aegis::testing::NatsServer;
use aegis_tests::{eventually, soon};
use serde_json::Value;
use tokio::sync::Semaphore;

struct Shop {
    opens: Arc<Semaphore>,
    closes: Arc<Semaphore>,
}

#[aegis::service(name = "shop", version = "1.2.3", group = "main")]
impl Shop {
    #[on_start]
    async fn open(&self) -> Result<(), Failure> {
        let _place = self.opens.acquire().await?;
        Ok(())
    }

    #[rpc]
    async fn buy(&self) -> Result<u32, Failure> {
        let _place = self.closes.acquire().await?;
        Ok(1)
    }

    #[exclusive_rpc]
    async fn count(&self) -> Result<u32, Failure> {
        Ok(1)
    }
}

/// Asks for a page: its status, its headers, its body.
async fn get(address: SocketAddr, request: &str) -> (u16, String, String) {
    let request = request.to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        write!(stream, "{request} HTTP/1.1\r\nHost: test\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        std::io::Result::Ok(answer)
    });
    let answer = soon("an answer", asked).await.unwrap().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let status = head.split(' ').nth(1).expect("a status");
    (
        status.parse().unwrap(),
        head.to_ascii_lowercase(),
        body.to_owned(),
    )
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn shop() -> (Shop, Arc<Semaphore>, Arc<Semaphore>) {
    let (opens, closes) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let shop = Shop {
        opens: opens.clone(),
        closes: closes.clone(),
    };
    (shop, opens, closes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_ready_from_the_end_of_its_start_to_the_beginning_of_its_drain() {
    let server = NatsServer::start().await.unwrap();
    let address = free_address();
    let (shop, opens, closes) = shop();
    let config = Config::default()
        .url(&server.url())
        .http(&address.to_string());
    let starting = tokio::spawn(App::new(config).service(shop).start());
    eventually("it answers while it starts", || async {
        TcpStream::connect(address).is_ok()
    })
    .await;
    assert_eq!(get(address, "GET /healthz").await.0, 200);
    let (status, _, body) = get(address, "GET /readyz").await;
    assert_eq!((status, &*body), (503, "not ready: it starts\n"));

    opens.add_permits(1);
    let running = soon("the start", starting).await.unwrap().unwrap();
    assert_eq!(running.http_address(), Some(address));
    let (status, head, body) = get(address, "GET /readyz").await;
    assert_eq!((status, &*body), (200, "ready\n"));
    assert!(head.contains("connection: close"), "{head}");

    let call = ShopClient::new(running.client()).buy();
    let call = tokio::spawn(call.within(Duration::from_secs(20)).into_future());
    eventually("the call runs", || async {
        let buy = [("service", "shop"), ("method", "buy")];
        running.metrics().gauge("aegis_server_in_flight", &buy) == Some(1.0)
    })
    .await;
    let stopping = tokio::spawn(running.stop());
    eventually("it is not ready any more", || async {
        let (status, _, body) = get(address, "GET /readyz").await;
        status == 503 && body == "not ready: it drains\n"
    })
    .await;
    // It finishes what runs, and is alive.
    assert!(!call.is_finished());
    assert_eq!(get(address, "GET /healthz").await.0, 200);
    closes.add_permits(1);
    assert_eq!(soon("the call", call).await.unwrap().unwrap(), 1);
    soon("the stop", stopping).await.unwrap().unwrap();
    eventually("nobody answers any more", || async {
        TcpStream::connect(address).is_err()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_connection_it_is_alive_and_not_ready() {
    let mut server = NatsServer::start().await.unwrap();
    let (shop, opens, _) = shop();
    opens.add_permits(1);
    let config = Config::default().url(&server.url()).http("127.0.0.1:0");
    let running = App::new(config).service(shop).start().await.unwrap();
    let address = running.http_address().unwrap();
    server.kill().await;
    eventually("the loss is noticed", || async {
        let (status, _, body) = get(address, "GET /readyz").await;
        status == 503 && body == "not ready: it is not connected to NATS\n"
    })
    .await;
    assert_eq!(get(address, "GET /healthz").await.0, 200);
    assert_eq!(running.metrics().gauge("aegis_connected", &[]), Some(0.0));
    server.restart().await.unwrap();
    eventually("it is ready again", || async {
        get(address, "GET /readyz").await.0 == 200
    })
    .await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_hold_what_they_should_and_others_say_which_there_are() {
    let (shop, opens, _) = shop();
    opens.add_permits(1);
    let config = Config::default().url("memory://pages").http("127.0.0.1:0");
    let config = config.instance_id("shop-7");
    let running = App::new(config).service(shop).start().await.unwrap();
    let address = running.http_address().unwrap();
    ShopClient::new(running.client()).count().await.unwrap();

    let (status, head, body) = get(address, "GET /metrics").await;
    assert_eq!(status, 200);
    assert!(
        head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{head}"
    );
    assert!(
        body.contains("# TYPE rpc_server_call_duration_seconds histogram\n"),
        "{body}"
    );
    assert!(
        body.contains("aegis_leader_role{service=\"shop\",group=\"main\"} 1\n"),
        "{body}"
    );

    eventually("its record says that it leads", || async {
        let page = get(address, "GET /status").await.2;
        page.contains(r#""status": "ACTIVE""#)
    })
    .await;
    let (status, head, body) = get(address, "GET /status").await;
    assert!(
        status == 200 && head.contains("content-type: application/json"),
        "{head}"
    );
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&told["lifecycle"], &told["ready"]),
        (&"STARTED".into(), &true.into())
    );
    assert_eq!(told["nats"]["connected"], true);
    let shop = &told["services"][0];
    assert_eq!(
        (&shop["service"], &shop["instance"]),
        (&"shop".into(), &"shop-7".into())
    );
    assert_eq!(
        (&shop["version"], &shop["status"]),
        (&"1.2.3".into(), &"ACTIVE".into())
    );
    assert_eq!(shop["handlers"].as_array().unwrap().len(), 2);
    assert_eq!(shop["leadership"]["leads"], true);
    assert_eq!(shop["leadership"]["leader"], "shop-7");

    let (status, _, body) = get(address, "GET /favicon.ico").await;
    assert_eq!(
        (status, &*body),
        (404, "there are /healthz /readyz /metrics /status\n")
    );
    let (status, head, _) = get(address, "POST /status").await;
    assert!(status == 405 && head.contains("allow: get, head"), "{head}");
    let (status, _, body) = get(address, "HEAD /status").await;
    assert_eq!((status, &*body), (200, ""));
    assert_eq!(get(address, "GET\u{1}").await.0, 400);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_says_it_is_unwell_is_not_ready() {
    struct Sick;
    #[aegis::service(name = "sick", version = "1.0.0")]
    impl Sick {
        #[health]
        async fn how(&self) -> Health {
            Health::unhealthy("no database")
        }

        #[rpc]
        async fn ping(&self) -> Result<(), Failure> {
            Ok(())
        }
    }
    for registry in [true, false] {
        let config = Config::default().url("memory://sick").http("127.0.0.1:0");
        let app = App::new(config.registry(registry)).service(Sick);
        let running = app.start().await.unwrap();
        let address = running.http_address().unwrap();
        let (status, _, body) = get(address, "GET /readyz").await;
        assert_eq!(
            (status, &*body),
            (503, "not ready: sick is unhealthy: no database\n"),
            "registry: {registry}"
        );
        running.stop().await.unwrap();
    }
}

/// Nobody else is told, but whoever asks the program itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_in_no_registry_still_says_that_it_has_become_unwell() {
    struct Fickle(Arc<AtomicBool>);
    #[aegis::service(name = "fickle", version = "1.0.0")]
    impl Fickle {
        #[health]
        async fn how(&self) -> Health {
            if self.0.load(Ordering::SeqCst) {
                Health::unhealthy("no database")
            } else {
                Health::healthy()
            }
        }

        #[rpc]
        async fn ping(&self) -> Result<(), Failure> {
            Ok(())
        }
    }
    let is_sick = Arc::new(AtomicBool::new(false));
    let config = Config::default().url("memory://fickle").registry(false);
    let config = config.heartbeat(Duration::from_millis(100));
    let app = App::new(config).service(Fickle(is_sick.clone()));
    let running = app.start().await.unwrap();
    assert_eq!(running.unready(), None);
    for sick in [true, false] {
        is_sick.store(sick, Ordering::SeqCst);
        eventually("it says so", || async {
            running.unready().is_some() == sick
        })
        .await;
    }
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_ends_the_start_and_says_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (shop, _, _) = shop();
    let config = Config::default()
        .url("memory://taken")
        .http(&address.to_string());
    let error = App::new(config).service(shop).start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = error.to_string();
    assert!(
        text.contains(&address.to_string()) && text.contains("AEGIS_HTTP_ADDRESS"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_says_nothing_keeps_nobody_out_for_long() {
    let (shop, opens, _) = shop();
    opens.add_permits(1);
    let config = Config::default().url("memory://silent").http("127.0.0.1:0");
    let running = App::new(config).service(shop).start().await.unwrap();
    let address = running.http_address().unwrap();
    let silent: Vec<TcpStream> = (0..100)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    // It waits until the first of them have been given up.
    assert_eq!(get(address, "GET /healthz").await.0, 200);
    drop(silent);
    running.stop().await.unwrap();
}
