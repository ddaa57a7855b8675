//! What stays in buckets: records of the registry and values, read and written by nats-py.

use aegis::{Bucket, Discovery, DiscoveryMode};

use super::*;

const MODES: [DiscoveryMode; 3] = [
    DiscoveryMode::Basic,
    DiscoveryMode::Cached,
    DiscoveryMode::Watched,
];

/// The bucket is made by whoever comes first; each finds the other in both orders.
#[tokio::test]
async fn instances_of_the_sdk_and_ours_are_in_one_registry() {
    let Some(python) = install::python().await else {
        return;
    };
    let rust_first = Peer::start().await;
    announced(&python, &rust_first).await;

    let prefix = unique_prefix();
    run_checks(&python, "registry.py", &[("PREFIX", &prefix)]).await;
    let [(_, client), _] = clients(&prefix).await;
    for mode in MODES {
        let discovery = client.discovery(mode);
        until_listed(&discovery, "orders", &["orders-1", "orders-2"]).await;
    }
    let python_first = Peer::configured(|config| config.subject_prefix(&prefix)).await;
    let python_first = Peer {
        prefix,
        ..python_first
    };
    announced(&python, &python_first).await;
}

async fn announced(python: &install::Language, peer: &Peer) {
    let arguments = [("PREFIX", &*peer.prefix), ("INSTANCE", &*peer.instance)];
    run_checks(python, "registry.py", &arguments).await;
    let [(_, client), _] = clients(&peer.prefix).await;
    for mode in MODES {
        let discovery = client.discovery(mode);
        until_listed(&discovery, "probe", &[&peer.instance]).await;
        until_listed(&discovery, "orders", &["orders-1", "orders-2"]).await;
        let found = discovery.instances("orders").await.unwrap();
        for one in found.iter() {
            assert_eq!(
                (&*one.version, one.sticky_active_group.as_ref()),
                ("2.0.0", None)
            );
            assert_eq!(one.last_heartbeat, "2026-01-01T00:00:00Z", "{mode:?}");
            assert_eq!(one.metadata["start_time"], "2026-01-01T00:00:00Z");
            // It does not say how often it is heard: as often as the SDK says by itself.
            assert_eq!(one.heartbeat(), Duration::from_secs(10), "{mode:?}");
        }
    }
}

async fn until_listed(discovery: &Discovery, service: &str, expected: &[&str]) {
    eventually(
        &format!("{expected:?} in {:?}", discovery.mode()),
        async || {
            let found = discovery.instances(service).await.unwrap();
            found
                .iter()
                .map(|one| &*one.id)
                .eq(expected.iter().copied())
        },
    )
    .await;
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
    visits: u64,
}

fn user(name: &str, visits: u64) -> User {
    let name = name.to_owned();
    User { name, visits }
}

#[tokio::test]
async fn python_and_rust_share_a_bucket() {
    let Some(python) = install::python().await else {
        return;
    };
    // As in the script.
    let keys = [
        "user:123",
        "user.123",
        "Ann Lee",
        "grüße 🙂",
        ".a..b.",
        "a=41=zz",
        "",
        "=",
    ];
    let prefix = unique_prefix();
    let [(_, client), _] = clients(&prefix).await;
    let users: Bucket<User> = client.bucket("users").open().await.unwrap();
    let mut revisions = Vec::new();
    for (number, key) in (0..).zip(keys) {
        revisions.push(users.put(key, &user(key, number)).await.unwrap());
    }
    users.put("to delete", &user("", 0)).await.unwrap();

    run_checks(&python, "buckets.py", &[("PREFIX", &prefix)]).await;
    for (number, key) in (0..).zip(keys) {
        let read = users.get(key).await.unwrap();
        assert_eq!(read, Some(user(key, number + 100)), "{key:?}");
    }
    let stale = users.update("user:123", &user("", 0), revisions[0]).await;
    assert_eq!(stale.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(users.get("to delete").await.unwrap(), None);
    let written = users.get("python: 1 🐍").await.unwrap();
    assert_eq!(written, Some(user("from Python 🐍", 7)));
    let mut all = [&keys[..], &["python: 1 🐍"]].concat();
    all.sort_unstable();
    assert_eq!(users.keys().await.unwrap(), all);
}
