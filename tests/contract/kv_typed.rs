//! The contract of `Bucket<T>`, as a user meets it: by the scenarios' names.

use std::time::Duration;

use aegis::{Bucket, Change, Client, Codec, Config, ErrorKind, Removal, Watch};
use aegis_tests::{eventually, shared_server, soon, unique_prefix};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
    age: u32,
}

fn user(name: &str, age: u32) -> User {
    let name = name.to_owned();
    User { name, age }
}

/// A client of each kind, with a prefix that nobody else uses.
async fn clients() -> Vec<Client> {
    let prefix = unique_prefix();
    let mut clients = Vec::new();
    for url in [format!("memory://{prefix}"), shared_server().await] {
        let config = Config::default().url(&url).subject_prefix(&prefix);
        clients.push(Client::connect(config).await.unwrap());
    }
    clients
}

async fn users(client: &Client) -> Bucket<User> {
    let users = client.bucket("users").max_bytes(8 * 1024 * 1024);
    users.open().await.unwrap()
}

async fn next<T>(watch: &mut Watch<T>) -> Change<T> {
    soon("a change", watch.next()).await.unwrap().unwrap()
}

#[tokio::test]
async fn crud() {
    for client in clients().await {
        let users = users(&client).await;
        assert_eq!(users.get("user:1").await.unwrap(), None);
        assert!(!users.exists("user:1").await.unwrap());
        let revision = users.put("user:1", &user("Ann", 30)).await.unwrap();
        assert_eq!(users.get("user:1").await.unwrap(), Some(user("Ann", 30)));
        let entry = users.entry("user:1").await.unwrap().unwrap();
        assert_eq!((entry.revision, &*entry.key), (revision, "user:1"));
        assert!(users.exists("user:1").await.unwrap());
        users.delete("user:1").await.unwrap();
        users.delete("never").await.unwrap();
        assert_eq!(users.get("user:1").await.unwrap(), None);
        assert!(!users.exists("user:1").await.unwrap());
        assert_eq!(client.buckets().await.unwrap(), ["users"]);
        assert!(users.name().ends_with("_users"), "{}", users.name());
        assert!(client.bucket("users").remove().await.unwrap());
        assert!(
            client
                .bucket("users")
                .find::<User>()
                .await
                .unwrap()
                .is_none()
        );
    }
}

#[tokio::test]
async fn create_update_options() {
    for client in clients().await {
        let users = users(&client).await;
        let first = users.create("a", &user("Ann", 1)).await.unwrap();
        let again = users.create("a", &user("Bob", 1)).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Conflict);
        assert!(again.to_string().contains("has a value already"), "{again}");
        let second = users.update("a", &user("Ann", 2), first).await.unwrap();
        let stale = users.update("a", &user("Bob", 2), first).await.unwrap_err();
        assert_eq!(stale.kind(), ErrorKind::Conflict);
        let stale = users.delete("a").revision(first).await.unwrap_err();
        assert_eq!(stale.kind(), ErrorKind::Conflict);
        let within = Duration::from_secs(9);
        users
            .delete("a")
            .revision(second)
            .within(within)
            .await
            .unwrap();
        users
            .create("a", &user("Ann", 3))
            .within(within)
            .await
            .unwrap();
        let long = "k".repeat(4096);
        let error = users.put(&long, &user("Ann", 1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("2048"), "{error}");
        let big = user(&"x".repeat(2_000_000), 1);
        let error = users.put("a", &big).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(error.to_string().contains("1048576"), "{error}");
    }
}

#[tokio::test]
async fn concurrent_cas_one_wins() {
    for client in clients().await {
        let users = users(&client).await;
        for round in 0..10 {
            let key = format!("user {round}");
            let revision = users.put(&key, &user("old", 0)).await.unwrap();
            let writers = (0..10).map(|n| {
                let update = users.update(&key, &user("new", n), revision);
                tokio::spawn(update.into_future())
            });
            let mut won = 0;
            for writer in writers.collect::<Vec<_>>() {
                match writer.await.unwrap() {
                    Ok(_) => won += 1,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
                }
            }
            assert_eq!(won, 1);
        }
    }
}

#[tokio::test]
async fn batch() {
    for client in clients().await {
        let users = users(&client).await;
        let all: Vec<(String, User)> = (0..500)
            .map(|n| (format!("user:{n:03}"), user("x", n)))
            .collect();
        let written = users.put_many(all.clone()).await.unwrap();
        assert!(written.len() == 500 && written.iter().all(Result::is_ok));
        let keys = all.iter().map(|(key, _)| key.as_str());
        let read = users.get_many(keys.clone().chain(["none"])).await.unwrap();
        let expected = all.iter().map(|(_, user)| Some(user.clone())).chain([None]);
        assert!(read.into_iter().eq(expected));
        assert!(users.keys().await.unwrap().iter().eq(keys.clone()));
        let deleted = users.delete_many(keys.take(400)).await.unwrap();
        assert!(deleted.len() == 400 && deleted.iter().all(Result::is_ok));
        assert_eq!(users.keys().await.unwrap().len(), 100);
        let entries = users.entries("user:45").await.unwrap();
        assert_eq!(entries.len(), 10);
        let long = "k".repeat(4096);
        let error = users
            .put_many([("fine", user("x", 1)), (&long, user("x", 1))])
            .await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Invalid);
        assert!(!users.exists("fine").await.unwrap(), "nothing was written");
    }
}

#[tokio::test]
async fn watch_with_key_on_delete() {
    for client in clients().await {
        let users = users(&client).await;
        users.put("user:a b", &user("Ann", 1)).await.unwrap();
        users.put("other", &user("Bob", 1)).await.unwrap();
        let mut changes = users.watch_prefix("user:").await.unwrap();
        let Change::Put(entry) = next(&mut changes).await else {
            panic!()
        };
        assert_eq!((&*entry.key, entry.value), ("user:a b", user("Ann", 1)));
        assert_eq!(next(&mut changes).await, Change::Ready);
        users.delete("user:a b").await.unwrap();
        users.purge("user:c").await.unwrap();
        for (key, why) in [("user:a b", Removal::Deleted), ("user:c", Removal::Purged)] {
            let Change::Removed(removed) = next(&mut changes).await else {
                panic!()
            };
            assert_eq!((&*removed.key, removed.why), (key, why));
        }
        let mut new = users.watch_all().updates_only().await.unwrap();
        assert_eq!(next(&mut new).await, Change::Ready);
        let mut one = users.watch("other").await.unwrap();
        let Change::Put(entry) = next(&mut one).await else {
            panic!()
        };
        assert_eq!(next(&mut one).await, Change::Ready);
        let mut again = users
            .watch_all()
            .from_revision(entry.revision + 1)
            .await
            .unwrap();
        let Change::Removed(_) = next(&mut again).await else {
            panic!()
        };
        client.close().await.unwrap();
        assert!(
            soon("the end", changes.next()).await.is_none(),
            "closed on purpose"
        );
    }
}

#[tokio::test]
async fn history() {
    for client in clients().await {
        let open = client.bucket("users").history(3).max_bytes(1 << 20);
        let users: Bucket<User> = open.open().await.unwrap();
        for age in 1..=4 {
            users.put("a", &user("Ann", age)).await.unwrap();
        }
        users.delete("a").await.unwrap();
        let shown = users
            .history("a")
            .await
            .unwrap()
            .into_iter()
            .map(|change| match change {
                Change::Put(entry) => entry.value.age,
                Change::Removed(_) => 0,
                _ => panic!(),
            });
        assert_eq!(shown.collect::<Vec<_>>(), [3, 4, 0]);
        assert!(users.history("none").await.unwrap().is_empty());
        assert_eq!(users.status().await.unwrap().history, 3);
    }
}

#[tokio::test]
async fn purge() {
    for client in clients().await {
        let open = client.bucket("users").history(5).max_bytes(1 << 20);
        let users: Bucket<User> = open.open().await.unwrap();
        let first = users.put("a", &user("Ann", 1)).await.unwrap();
        users.put("a", &user("Ann", 2)).await.unwrap();
        let stale = users.purge("a").revision(first).await.unwrap_err();
        assert_eq!(stale.kind(), ErrorKind::Conflict);
        users.purge("a").await.unwrap();
        assert_eq!(users.history("a").await.unwrap().len(), 1);
        assert!(!users.exists("a").await.unwrap());
    }
}

#[tokio::test]
async fn clear_prefix() {
    for client in clients().await {
        let users = users(&client).await;
        for key in ["user.1", "user.2", "user.", "user", "other"] {
            users.put(key, &user("x", 1)).await.unwrap();
        }
        users.delete("user.2").await.unwrap();
        assert_eq!(users.clear_prefix("user.").await.unwrap(), 2);
        assert_eq!(users.keys().await.unwrap(), ["other", "user"]);
        assert_eq!(users.keys_with_prefix("o").await.unwrap(), ["other"]);
        assert_eq!(users.clear_prefix("").await.unwrap(), 2);
        assert!(users.keys().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn any_text_is_a_key() {
    for client in clients().await {
        let users = users(&client).await;
        for key in [
            "", " ", "a b", "a:b", "..", "a.b", "*", ">", "👋", "\0", "=20", "a/b\n",
        ] {
            users.put(key, &user(key, 1)).await.unwrap();
            assert_eq!(users.get(key).await.unwrap(), Some(user(key, 1)), "{key:?}");
            let found = users.keys_with_prefix(key).await.unwrap();
            assert!(found.iter().any(|found| found == key), "{key:?}");
        }
        assert_eq!(users.keys().await.unwrap().len(), 12);
    }
}

#[tokio::test]
async fn ttl_expires() {
    for client in clients().await {
        let open = client
            .bucket("short")
            .ttl(Duration::from_secs(1))
            .max_bytes(1 << 20);
        let short: Bucket<User> = open.open().await.unwrap();
        short.put("a", &user("Ann", 1)).await.unwrap();
        let gone = async || !short.exists("a").await.unwrap();
        eventually("the value expires with the bucket's time", gone).await;
        short.create("a", &user("Ann", 2)).await.unwrap();
        let users = users(&client).await;
        if !users.status().await.unwrap().key_ttl {
            continue;
        }
        let mut changes = users.watch("b").updates_only().await.unwrap();
        users.put("a", &user("Ann", 1)).await.unwrap();
        users
            .put("b", &user("Bob", 1))
            .ttl(Duration::from_secs(1))
            .await
            .unwrap();
        assert_eq!(next(&mut changes).await, Change::Ready);
        let Change::Put(_) = next(&mut changes).await else {
            panic!()
        };
        let Change::Removed(removed) = next(&mut changes).await else {
            panic!()
        };
        assert_eq!((&*removed.key, removed.why), ("b", Removal::Expired));
        assert!(users.exists("a").await.unwrap() && !users.exists("b").await.unwrap());
    }
}

#[tokio::test]
async fn values_of_another_shape_are_no_missing_values() {
    for client in clients().await {
        let users = users(&client).await;
        let texts: Bucket<String> = client.bucket("users").open().await.unwrap();
        texts.put("a", &"text".to_owned()).await.unwrap();
        for error in [
            users.get("a").await.unwrap_err(),
            users.entry("a").await.unwrap_err(),
            users.entries("").await.unwrap_err(),
            users.get_many(["a"]).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Decode);
            let text = error.to_string();
            assert!(
                text.contains("\"a\"") && text.contains(users.name()),
                "{text}"
            );
        }
        assert!(users.exists("a").await.unwrap());
        let mut changes = users.watch_all().await.unwrap();
        let error = soon("an error", changes.next()).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert_eq!(next(&mut changes).await, Change::Ready, "it goes on");
        let bytes = client.bucket("users").open_bytes().await.unwrap();
        assert_eq!(bytes.get("a").await.unwrap().unwrap(), &b"\"text\""[..]);
        bytes.put("b", &vec![0, 255].into()).await.unwrap();
        assert_eq!(bytes.get("b").await.unwrap().unwrap(), &[0u8, 255][..]);
    }
}

#[tokio::test]
async fn both_codecs_read_one_bucket() {
    let prefix = unique_prefix();
    let config = Config::default().url(&format!("memory://{prefix}"));
    let json = Client::connect(config.clone()).await.unwrap();
    let packed = Client::connect(config.codec(Codec::MessagePack))
        .await
        .unwrap();
    let (json, packed) = (users(&json).await, users(&packed).await);
    json.put("a", &user("Ann", 1)).await.unwrap();
    packed.put("b", &user("Bob", 2)).await.unwrap();
    assert_eq!(packed.get("a").await.unwrap(), Some(user("Ann", 1)));
    assert_eq!(json.get("b").await.unwrap(), Some(user("Bob", 2)));
}
