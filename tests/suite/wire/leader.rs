//! Leaders: who gets an exclusive call, what is answered, and what stands in the bucket.

use std::sync::Arc;
use std::time::Duration;

use aegis::prelude::*;
use aegis::testing::{RunningTest, TestApp};
use aegis_tests::{eventually, shared_server, soon, unique_prefix};
use async_nats::HeaderMap;
use async_nats::client::RequestErrorKind;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::peer::next;

#[derive(Clone)]
struct Book {
    begun: Arc<Semaphore>,
    lets_go: Arc<Semaphore>,
}

/// Calm: on a busy machine a leader that is late says nothing, and a peer waits for nothing.
#[aegis::service(
    name = "book",
    version = "1.0.0",
    group = "blue",
    failover(lease = "1800ms", margin = "300ms", renew = "300ms")
)]
impl Book {
    #[exclusive_rpc]
    async fn post(&self) -> Result<u8, Failure> {
        Ok(7)
    }

    #[exclusive_rpc(timeout = "60s")]
    async fn post_slowly(&self) -> Result<u8, Failure> {
        self.begun.add_permits(1);
        let _ = self.lets_go.acquire().await;
        Ok(7)
    }

    #[exclusive_rpc(timeout = "60s", idempotent)]
    async fn post_again(&self) -> Result<u8, Failure> {
        self.begun.add_permits(1);
        let _ = self.lets_go.acquire().await;
        Ok(7)
    }
}

/// A peer that knows nothing of Aegis, and instances `one` (which leads) and `two`.
struct Town {
    nats: async_nats::Client,
    prefix: String,
    book: Book,
    one: RunningTest,
    two: RunningTest,
}

impl Town {
    async fn start() -> Self {
        let (url, prefix) = (shared_server().await, unique_prefix());
        let book = Book {
            begun: Arc::new(Semaphore::new(0)),
            lets_go: Arc::new(Semaphore::new(0)),
        };
        let start = async |id: &str| {
            let app = TestApp::new().on_nats(&url).service(book.clone());
            let app = app.configure(|config| config.subject_prefix(&prefix).instance_id(id));
            app.start().await.unwrap()
        };
        let nats = async_nats::connect(&url).await.unwrap();
        let one = start("one").await;
        let first = one.client::<BookClient>().post();
        first.within(Duration::from_secs(20)).await.unwrap();
        let two = start("two").await;
        Self {
            nats,
            prefix,
            book,
            one,
            two,
        }
    }

    fn subject(&self, rest: &str) -> String {
        format!("{}.rpc.book.{rest}", self.prefix)
    }

    /// The headers of an answer, and its body.
    async fn ask(&self, rest: &str) -> (HeaderMap, Value) {
        let asked = self.nats.request(self.subject(rest), "{}".into());
        let answer = soon("an answer", asked).await.unwrap();
        let body = serde_json::from_slice(&answer.payload).unwrap();
        (answer.headers.unwrap_or_default(), body)
    }

    /// The name of the bucket, as a stream has it.
    fn bucket(&self) -> String {
        format!("{}_sticky_active", self.prefix.replace('.', "_"))
    }

    async fn record(&self) -> (u64, Value) {
        let (revision, data) = stored(&self.nats, &self.bucket(), "book.blue.leader").await;
        (revision, serde_json::from_slice(&data).unwrap())
    }

    async fn stop(self) {
        self.one.stop().await.unwrap();
        self.two.stop().await.unwrap();
    }
}

/// What stands under a key, and its revision.
async fn stored(nats: &async_nats::Client, bucket: &str, key: &str) -> (u64, Vec<u8>) {
    let subject = format!("$JS.API.STREAM.MSG.GET.KV_{bucket}");
    let body = json!({"last_by_subj": format!("$KV.{bucket}.{key}")}).to_string();
    let answer = soon("an answer", nats.request(subject, body.into())).await;
    let answer: Value = serde_json::from_slice(&answer.unwrap().payload).unwrap();
    let message = &answer["message"];
    let data = message["data"].as_str().unwrap().as_bytes();
    let data = data_encoding::BASE64.decode(data).unwrap();
    (message["seq"].as_u64().unwrap(), data)
}

fn epoch(headers: &HeaderMap) -> u64 {
    headers
        .get("Aegis-Epoch")
        .unwrap()
        .as_str()
        .parse()
        .unwrap()
}

fn is_hex(value: &Value) -> bool {
    let text = value.as_str().unwrap();
    text.len() == 16 && u64::from_str_radix(text, 16).is_ok()
}

#[tokio::test]
async fn the_record_and_the_fence_stand_as_they_are_described() {
    let town = Town::start().await;
    let (headers, seven) = town.ask("post").await;
    assert_eq!(seven, 7);
    let epoch = epoch(&headers);
    let (first, record) = town.record().await;
    assert_eq!(record["instance_id"], "one");
    assert_eq!(record["state"], "held");
    assert_eq!(record["lease_ms"], 1800);
    assert!(
        is_hex(&record["boot"]) && is_hex(&record["nonce"]),
        "{record}"
    );
    assert!(record["term"].as_u64().unwrap() > 0 && record["metadata"].is_object());
    assert!(record["elected_at"].as_str().unwrap().ends_with('Z'));
    assert!(record["last_heartbeat"].as_str().unwrap().ends_with('Z'));
    eventually("a renewal", async || town.record().await.0 > first).await;
    let (revision, renewed) = town.record().await;
    assert_eq!(renewed["epoch"], epoch, "{renewed}");
    assert!(revision > epoch, "the epoch is the revision that won");
    assert_eq!(renewed["boot"], record["boot"]);
    let (_, fence) = stored(&town.nats, &town.bucket(), "book.blue.fence").await;
    assert_eq!(fence, epoch.to_string().into_bytes());

    let info = format!("$JS.API.STREAM.INFO.KV_{}", town.bucket());
    let info = soon("an answer", town.nats.request(info, "".into())).await;
    let info: Value = serde_json::from_slice(&info.unwrap().payload).unwrap();
    let config = &info["config"];
    assert_eq!(config["max_msgs_per_subject"], 1);
    assert_eq!(config["max_bytes"], 16 * 1024 * 1024);
    assert_eq!(config["max_age"], 0);
    // Microseconds since 1970: later than 2020.
    assert!(epoch > 1_577_836_800_000_000, "{epoch}");
    town.stop().await;
}

#[tokio::test]
async fn the_leader_is_in_no_queue_group() {
    let town = Town::start().await;
    let subject = town.subject("post");
    let group = "rpc.book".to_owned();
    let mut calls = town.nats.queue_subscribe(subject, group).await.unwrap();
    for _ in 0..20 {
        // Of a group that the leader were in, only one would get it.
        assert_eq!(town.ask("post").await.1, 7);
        next(&mut calls).await;
    }
    town.stop().await;
}

#[tokio::test]
async fn a_standby_answers_on_its_own_subject_only() {
    let town = Town::start().await;
    let leads = epoch(&town.ask("post.one").await.0);
    eventually("the standby knows", async || {
        let (headers, body) = town.ask("post.two").await;
        assert_eq!(
            headers.get("Nats-Service-Error-Code").unwrap().as_str(),
            "503"
        );
        assert_eq!(
            (&body["code"], &body["retryable"]),
            (&json!("NOT_ACTIVE"), &json!(true))
        );
        body["details"] == json!({"leader": "one", "epoch": leads})
    })
    .await;
    town.stop().await;
}

#[tokio::test]
async fn stepping_down_is_asked_for_on_a_subject() {
    let town = Town::start().await;
    let leads = epoch(&town.ask("post.one").await.0);
    let (headers, refused) = town.ask("-step-down.two").await;
    assert_eq!(
        headers.get("Nats-Service-Error-Code").unwrap().as_str(),
        "503"
    );
    assert_eq!(refused["code"], "NOT_ACTIVE");
    let (_, answer) = town.ask("-step-down.one").await;
    assert_eq!(answer, json!({"epoch": leads}));
    let two = town.two.client::<BookClient>();
    eventually("the other leads", async || {
        two.post().await.unwrap();
        town.record().await.1["instance_id"] == "two"
    })
    .await;
    town.stop().await;
}

#[tokio::test]
async fn with_no_leader_there_are_no_responders_and_the_record_says_that_it_was_given_up() {
    let town = Town::start().await;
    let Town { nats, prefix, .. } = &town;
    let (nats, subject) = (nats.clone(), format!("{prefix}.rpc.book.post"));
    let bucket = town.bucket();
    town.stop().await;
    let error = nats.request(subject, "{}".into()).await.unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::NoResponders);
    let (_, record) = stored(&nats, &bucket, "book.blue.leader").await;
    let record: Value = serde_json::from_slice(&record).unwrap();
    assert_eq!(record["state"], "released", "{record}");
}

#[tokio::test]
async fn late_results_are_not_answered_but_what_is_known_of_them() {
    let town = Town::start().await;
    let leads = epoch(&town.ask("post").await.0);
    let rival = json!({
        "instance_id": "rival", "boot": "1", "term": 1, "lease_ms": 300, "nonce": "1",
        "state": "held",
    });
    let ended = async {
        let begun = town.book.begun.acquire_many(2);
        soon("both have begun", begun).await.unwrap().forget();
        let key = format!("$KV.{}.book.blue.leader", town.bucket());
        let written = town.nats.request(key, rival.to_string().into());
        soon("an answer", written).await.unwrap();
        eventually("it leads no more", async || {
            let (headers, body) = town.ask("post.one").await;
            body["code"] == "NOT_ACTIVE" || epoch(&headers) > leads
        })
        .await;
        town.book.lets_go.add_permits(2);
    };
    let (slow, again) = (town.ask("post_slowly.one"), town.ask("post_again.one"));
    let ((headers, slow), (_, again), ()) = tokio::join!(slow, again, ended);
    assert_eq!(
        headers.get("Nats-Service-Error-Code").unwrap().as_str(),
        "504"
    );
    assert_eq!(
        (epoch(&headers), &slow["details"]),
        (leads, &json!({"epoch": leads}))
    );
    assert_eq!(
        (&slow["code"], &slow["retryable"]),
        (&json!("OUTCOME_UNKNOWN"), &json!(false))
    );
    assert_eq!(
        (&again["code"], &again["retryable"]),
        (&json!("OUTCOME_UNKNOWN"), &json!(true))
    );
    assert_eq!(again["details"], json!({"epoch": leads}));
    town.stop().await;
}

#[tokio::test]
async fn a_leader_tells_of_its_renewals() {
    let town = Town::start().await;
    let leads = epoch(&town.ask("post").await.0);
    let subject = format!("{}.leaders.book.blue", town.prefix);
    let mut told = town.nats.subscribe(subject).await.unwrap();
    let message = next(&mut told).await;
    let told: Value = serde_json::from_slice(&message.payload).unwrap();
    assert_eq!(
        (&told["instance_id"], &told["epoch"]),
        (&json!("one"), &json!(leads))
    );
    assert!(told["revision"].as_u64().unwrap() > leads, "{told}");
    town.stop().await;
}

#[tokio::test]
async fn what_came_of_work_with_a_key_stands_in_a_bucket() {
    let town = Town::start().await;
    let mut headers = HeaderMap::new();
    headers.insert("Aegis-Idempotency-Key", "load-7");
    let subject = town.subject("post");
    let asked = town
        .nats
        .request_with_headers(subject, headers, "{}".into());
    let answer = soon("an answer", asked).await.unwrap();
    assert_eq!(answer.payload, "7");
    let leads = epoch(&answer.headers.unwrap());
    let bucket = town.bucket().replace("sticky_active", "exclusive_results");
    let (_, kept) = stored(&town.nats, &bucket, "book.post.load-7").await;
    let kept: Value = serde_json::from_slice(&kept).unwrap();
    let body = data_encoding::BASE64.encode(b"7");
    let done = json!({
        "state": "done", "epoch": leads, "codec": "application/json", "body": body,
    });
    assert_eq!(kept, done);
    town.stop().await;
}

#[tokio::test]
async fn self_description_says_what_is_exclusive() {
    let town = Town::start().await;
    let asked = town.nats.request("$SRV.INFO.book.one", "".into());
    let answer = soon("an answer", asked).await.unwrap();
    let info: Value = serde_json::from_slice(&answer.payload).unwrap();
    let endpoint = &info["endpoints"][0];
    assert_eq!(
        (&endpoint["name"], &endpoint["queue_group"]),
        (&json!("post"), &json!(""))
    );
    assert_eq!(endpoint["metadata"]["aegis.kind"], "exclusive_rpc");
    town.stop().await;
}
