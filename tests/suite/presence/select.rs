//! The choice of an instance, and what happens when it was wrong.

use std::collections::BTreeMap;

use aegis::Select;

use super::*;

async fn three(config: &Config) -> Vec<Running> {
    let mut all = Vec::new();
    for id in ["desk-1", "desk-2", "desk-3"] {
        all.push(serve(config, id, &Desk::default()).await);
    }
    let watched = all[0].client().discovery(DiscoveryMode::Watched);
    until(&watched, &["desk-1", "desk-2", "desk-3"]).await;
    all
}

async fn counts(client: &DeskClient, select: &Select, calls: u32) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for _ in 0..calls {
        let who = client.who().select(select.clone()).await.unwrap();
        *counts.entry(who).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn calls_go_where_they_were_sent() {
    for config in configs().await {
        let all = three(&config).await;
        let client = DeskClient::new(all[0].client());
        let round = counts(&client, &Select::RoundRobin, 60).await;
        assert_eq!(round.values().copied().collect::<Vec<_>>(), [20, 20, 20]);
        for one in [
            Select::Sticky,
            Select::key("customer-7"),
            Select::prefer("desk-2").unwrap(),
        ] {
            let found = counts(&client, &one, 60).await;
            assert_eq!(found.len(), 1, "{one:?}: {found:?}");
            if let Select::Prefer(_) = one {
                assert!(found.contains_key("desk-2"), "{found:?}");
            }
        }
        let random = counts(&client, &Select::Random, 60).await;
        assert_eq!(random.len(), 3, "{random:?}");
        for running in all {
            running.stop().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_slow_instance_gets_little() {
    for config in configs().await {
        let slow = Desk {
            slow: Duration::from_millis(100),
            ..Desk::default()
        };
        let mut all = three(&config).await;
        all.push(serve(&config, "desk-4", &slow).await);
        let client = DeskClient::new(all[0].client());
        let watched = all[0].client().discovery(DiscoveryMode::Watched);
        for id in ["desk-1", "desk-2", "desk-3", "desk-4"] {
            client.who().to_instance(id).await.unwrap();
        }
        eventually("the load of all", async || {
            let found = watched.instances("desk").await.unwrap();
            found.len() == 4 && found.iter().all(|one| one.load().p50_ms > 0.0)
        })
        .await;
        let found = counts(&client, &Select::LeastLoaded, 200).await;
        let share = found.get("desk-4").copied().unwrap_or_default();
        assert!(share < 20, "{found:?}");
        for running in all {
            running.stop().await.unwrap();
        }
    }
}

#[tokio::test]
async fn who_is_gone_is_passed_over_and_nothing_is_lost() {
    for config in configs().await {
        // The records live long, so that the dead stand in the registry for the whole test.
        let long = config.clone().instance_ttl(Duration::from_secs(60));
        let mut all = three(&long).await;
        let keeper = Client::connect(config.clone()).await.unwrap();
        let watched = keeper.discovery(DiscoveryMode::Watched);
        until(&watched, &["desk-1", "desk-2", "desk-3"]).await;
        let client = DeskClient::new(&keeper);
        // Dropped, not stopped: nobody tells the registry.
        drop(all.remove(1));
        eventually("nobody answers there", async || {
            let asked = client.who().to_instance("desk-2").await;
            asked.is_err_and(|error| error.kind() == Some(ErrorKind::NoService))
        })
        .await;
        assert_eq!(ids(&watched).await.len(), 3, "the record is still there");
        let prefer = Select::prefer("desk-2").unwrap();
        for select in [Select::RoundRobin, Select::Random, Select::Sticky, prefer] {
            let found = counts(&client, &select, 60).await;
            assert!(!found.contains_key("desk-2"), "{select:?}: {found:?}");
        }
        drop(all);
        let call = client.who().select(Select::RoundRobin);
        eventually("nobody at all", async || {
            let asked = client.who().await;
            asked.is_err_and(|error| error.kind() == Some(ErrorKind::NoService))
        })
        .await;
        let error = call.await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::NoService), "{error}");
    }
}

#[tokio::test]
async fn nobody_is_sent_to_who_stops() {
    for config in configs().await {
        let all = three(&config).await;
        let other = Client::connect(config.clone()).await.unwrap();
        let watched = other.discovery(DiscoveryMode::Watched);
        until(&watched, &["desk-1", "desk-2", "desk-3"]).await;
        let slow = Desk {
            slow: Duration::from_secs(2),
            ..Desk::default()
        };
        let fourth = serve(&config, "desk-4", &slow).await;
        until(&watched, &["desk-1", "desk-2", "desk-3", "desk-4"]).await;
        let client = DeskClient::new(&other);
        let last = tokio::spawn(client.who().to_instance("desk-4").into_future());
        eventually("it runs", async || slow.calls.load(Ordering::SeqCst) == 1).await;
        let stopping = tokio::spawn(fourth.stop());
        until(&watched, &["desk-1", "desk-2", "desk-3"]).await;
        let everybody = watched.all("desk").await.unwrap();
        let stops = everybody.iter().find(|one| one.id == "desk-4").unwrap();
        assert_eq!(stops.status, InstanceStatus::Shutdown);
        assert!(
            !counts(&client, &Select::RoundRobin, 30)
                .await
                .contains_key("desk-4")
        );
        assert_eq!(
            last.await.unwrap().unwrap(),
            "desk-4",
            "it finishes what runs"
        );
        stopping.await.unwrap().unwrap();
        for running in all {
            running.stop().await.unwrap();
        }
    }
}

#[tokio::test]
async fn who_cannot_be_called_is_not_chosen() {
    let prefix = unique_prefix();
    let config = quick(&shared_server().await, &prefix);
    let all = three(&config).await;
    // Some other program's idea of an id, under a key that is right.
    let nats = async_nats::connect(shared_server().await).await.unwrap();
    let bucket = format!("{}_service_registry", prefix.replace('.', "_"));
    let subject = format!("$KV.{bucket}.service-instances.desk.desk.4");
    let record = r#"{"serviceName":"desk","instanceId":"desk.4","status":"ACTIVE"}"#;
    soon("the record", nats.request(subject, record.into()))
        .await
        .unwrap();
    let watched = all[0].client().discovery(DiscoveryMode::Watched);
    until(&watched, &["desk-1", "desk-2", "desk-3", "desk.4"]).await;
    let client = DeskClient::new(all[0].client());
    for key in 0..20 {
        let key = Select::key(key.to_string());
        assert_eq!(counts(&client, &key, 5).await.len(), 1, "{key:?}");
    }
    let round = counts(&client, &Select::RoundRobin, 30).await;
    assert_eq!(round.values().copied().collect::<Vec<_>>(), [10, 10, 10]);
    for running in all {
        running.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_choice_without_a_registry_costs_a_call_nothing() {
    let server = NatsServer::builder()
        .without_jetstream()
        .start()
        .await
        .unwrap();
    let config = quick(&server.url(), "");
    let running = serve(&config, "desk-1", &Desk::default()).await;
    let client = DeskClient::new(running.client());
    for _ in 0..20 {
        let call = client.who().within(Duration::from_millis(800));
        let who = call.select(Select::RoundRobin).await;
        assert_eq!(who.unwrap(), "desk-1");
    }
    running.stop().await.unwrap();
}
