//! What a client can ask the server itself.

use aegis::port::Discard;
use aegis::{Client, Config, ErrorKind};
use aegis_tests::{PATIENCE, clients, soon};

#[tokio::test]
async fn the_way_to_the_server_and_back_is_measured() {
    for (name, clients) in clients(1).await {
        let trip = soon(name, clients[0].round_trip()).await.unwrap();
        assert!(trip < PATIENCE, "{name}");
        let facts = clients[0].server_facts();
        assert_eq!(facts.is_some(), name == "nats", "{facts:?}");
        let Some(facts) = facts else { continue };
        assert!(
            facts.version.starts_with("2.") && facts.jetstream,
            "{facts:?}"
        );
        assert!(
            facts.max_payload > 1000 && facts.cluster.is_none(),
            "{facts:?}"
        );
    }
}

#[tokio::test]
async fn the_server_answers_as_it_does_and_nothing_else_is_asked() {
    for (name, clients) in clients(1).await {
        let client = &clients[0];
        for subject in [
            "rpc.a.b",
            "$JS.API.",
            "$JS.API..INFO",
            "$JS.ACK.x",
            "$SYS.REQ.a b",
            "",
        ] {
            let error = client.ask_server(subject, "").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{name} {subject:?}");
        }
        let info = client.ask_server("$JS.API.INFO", "").await;
        if name == "memory" {
            let error = info.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NoService, "{error}");
            assert!(error.to_string().contains("has no JetStream"), "{error}");
            continue;
        }
        assert!(info.unwrap()["limits"].is_object());
        let refused = client.ask_server("$JS.API.STREAM.INFO.none", "").await;
        assert_eq!(refused.unwrap()["error"]["err_code"], 10059);
    }
}

#[tokio::test]
async fn the_frameworks_streams_are_as_they_are_asked_for() {
    for (name, clients) in clients(1).await {
        let client = &clients[0];
        let [events, dead, commands] = client.stream_specs();
        assert_eq!(events.name, client.layout().stream("EVENTS"), "{name}");
        assert_eq!(dead.discard, Some(Discard::New));
        assert_eq!(commands.name, client.layout().stream("COMMANDS"));
        assert_eq!(client.stream_status(&events.name).await.unwrap(), None);
        client.publish_as("orders.created", &7).await.unwrap();
        let found = client.stream_status(&events.name).await.unwrap().unwrap();
        assert!(events.drift(&found).is_none(), "{:?}", events.drift(&found));
        assert_eq!(found.messages, 1);
    }
}

#[tokio::test]
async fn records_of_jobs_that_cannot_be_read_are_named() {
    for (name, clients) in clients(1).await {
        let client: &Client = &clients[0];
        assert!(
            client.jobs().unreadable(9).await.unwrap().is_empty(),
            "{name}"
        );
        let bucket = client.bucket("aegis_jobs").max_bytes(1 << 20);
        let bucket = bucket.open_bytes().await.unwrap();
        for id in ["a", "b", "c"] {
            bucket.put(id, &"junk".into()).await.unwrap();
        }
        assert_eq!(
            client.jobs().unreadable(9).await.unwrap(),
            ["a", "b", "c"],
            "{name}"
        );
        assert_eq!(
            client.jobs().unreadable(2).await.unwrap(),
            ["a", "b"],
            "{name}"
        );
    }
}

#[tokio::test]
async fn one_setting_says_on_how_many_servers_a_new_bucket_is() {
    let config = Config::default().url("memory://three").replicas(3);
    let client = Client::connect(config).await.unwrap();
    for (name, asked, expected) in [("all", None, 3), ("one", Some(1), 1)] {
        let bucket = client.bucket(name);
        let bucket = match asked {
            Some(servers) => bucket.replicas(servers),
            None => bucket,
        };
        let bucket = bucket.open::<u64>().await.unwrap();
        assert_eq!(bucket.status().await.unwrap().replicas, expected, "{name}");
    }
}
