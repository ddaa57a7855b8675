//! The server goes away and comes back, with its store and without.

use super::*;

/// Longer than records live; `AEGIS_TEST_OUTAGE=60` makes it a minute.
fn outage() -> Duration {
    let seconds = std::env::var("AEGIS_TEST_OUTAGE").ok();
    let seconds = seconds.and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(3))
}

async fn everything_comes_back(keep_store: bool) {
    let mut server = NatsServer::start().await.unwrap();
    let config = quick(&server.url(), "");
    let desk = Desk::default();
    let one = serve(&config, "desk-1", &desk).await;
    let two = serve(&config, "desk-2", &desk).await;
    let client = Client::connect(config.clone()).await.unwrap();
    let watched = client.discovery(DiscoveryMode::Watched);
    let cached = client.discovery(DiscoveryMode::Cached);
    until(&watched, &["desk-1", "desk-2"]).await;
    until(&cached, &["desk-1", "desk-2"]).await;
    let mut events = watched.events().unwrap();
    for _ in 0..2 {
        assert!(matches!(
            event(&mut events).await,
            InstanceEvent::Appeared(_)
        ));
    }

    server.kill().await;
    eventually("the table is stale", async || {
        matches!(watched.staleness().unwrap(), aegis::Staleness::Stale(_))
    })
    .await;
    while watched.instances("desk").await.unwrap().age() < outage() {
        assert_eq!(ids(&watched).await.len(), 2, "nobody is dead for that");
        assert_eq!(ids(&cached).await.len(), 2);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if !keep_store {
        std::fs::remove_dir_all(server.store_dir()).unwrap();
    }
    server.restart().await.unwrap();

    eventually("the registry is heard", async || {
        watched.staleness().unwrap() == aegis::Staleness::Live
    })
    .await;
    let basic = client.discovery(DiscoveryMode::Basic);
    until(&basic, &["desk-1", "desk-2"]).await;
    let calls = DeskClient::new(&client);
    for _ in 0..20 {
        eventually("calls are answered", async || calls.who().await.is_ok()).await;
        calls.who().select(aegis::Select::RoundRobin).await.unwrap();
    }
    // Longer than records live again: everybody still says that it is there.
    let (start, long) = (std::time::Instant::now(), Duration::from_secs(2));
    eventually("some heartbeats", async || {
        // Well or not: a machine that is busy with other tests may say that it is.
        let all = watched.all("desk").await.unwrap();
        let ids: Vec<&str> = all.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["desk-1", "desk-2"]);
        start.elapsed() > long
    })
    .await;
    one.stop().await.unwrap();
    assert_eq!(first_gone(&mut events).await, "desk-1");
    two.stop().await.unwrap();
}

/// Nobody but who left was ever taken for dead.
async fn first_gone(events: &mut InstanceEvents) -> String {
    loop {
        match event(events).await {
            InstanceEvent::Gone(gone) => return gone.id.clone(),
            InstanceEvent::Changed(_) => {}
            InstanceEvent::Appeared(one) => panic!("{} was never gone", one.id),
        }
    }
}

#[tokio::test]
async fn everything_comes_back_after_an_outage() {
    everything_comes_back(true).await;
}

#[tokio::test]
async fn everything_comes_back_after_the_store_was_lost() {
    everything_comes_back(false).await;
}

fn record_subject(prefix: &str) -> String {
    let prefix = prefix.replace('.', "_");
    format!("$KV.{prefix}_service_registry.service-instances.desk.desk-1")
}

async fn purge(prefix: &str) {
    let nats = async_nats::connect(shared_server().await).await.unwrap();
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("KV-Operation", "PURGE");
    headers.insert("Nats-Rollup", "sub");
    let purged = nats.request_with_headers(record_subject(prefix), headers, "".into());
    soon("the purge", purged).await.unwrap();
}

#[tokio::test]
async fn the_mark_of_who_has_left_does_not_stay_for_ever() {
    let prefix = unique_prefix();
    let config = quick(&shared_server().await, &prefix);
    let running = serve(&config, "desk-1", &Desk::default()).await;
    running.stop().await.unwrap();
    let nats = async_nats::connect(shared_server().await).await.unwrap();
    let stream = format!("KV_{}_service_registry", prefix.replace('.', "_"));
    let body = serde_json::json!({"last_by_subj": record_subject(&prefix)}).to_string();
    let asked = nats.request(format!("$JS.API.STREAM.MSG.GET.{stream}"), body.into());
    let answer = soon("the mark", asked).await.unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
    let headers = answer["message"]["hdrs"].as_str().unwrap();
    let headers = data_encoding::BASE64.decode(headers.as_bytes()).unwrap();
    let headers = String::from_utf8(headers).unwrap();
    assert!(headers.contains("KV-Operation: PURGE"), "{headers}");
    if server_has_key_ttl().await {
        assert!(headers.contains("Nats-TTL: 3600s"), "{headers}");
    }
}

#[tokio::test]
async fn a_lost_record_is_announced_again() {
    let prefix = unique_prefix();
    let config = quick(&shared_server().await, &prefix);
    let watched = discovery(&config, DiscoveryMode::Watched).await;
    let running = serve(&config, "desk-1", &Desk::default()).await;
    let mut events = watched.events().unwrap();
    assert!(matches!(
        event(&mut events).await,
        InstanceEvent::Appeared(_)
    ));
    // As any tool would remove it.
    purge(&prefix).await;
    assert!(matches!(event(&mut events).await, InstanceEvent::Gone(_)));
    assert!(matches!(
        event(&mut events).await,
        InstanceEvent::Appeared(_)
    ));
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_frozen_server_is_nobodys_death() {
    let mut server = NatsServer::start().await.unwrap();
    let config = quick(&server.url(), "");
    let desk = Desk::default();
    let one = serve(&config, "desk-1", &desk).await;
    let two = serve(&config, "desk-2", &desk).await;
    let watched = discovery(&config, DiscoveryMode::Watched).await;
    until(&watched, &["desk-1", "desk-2"]).await;
    let mut events = watched.events().unwrap();
    for _ in 0..2 {
        assert!(matches!(
            event(&mut events).await,
            InstanceEvent::Appeared(_)
        ));
    }
    server.pause().await.unwrap();
    // Three times as long as records live, and shorter than a connection takes to notice.
    let start = std::time::Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        assert_eq!(watched.all("desk").await.unwrap().len(), 2);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.resume().unwrap();
    one.stop().await.unwrap();
    assert_eq!(first_gone(&mut events).await, "desk-1");
    two.stop().await.unwrap();
}
