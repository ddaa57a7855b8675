//! The contract of fenced writes: what a leader of the past writes does not land.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use aegis::port::{
    Expect, KvBucket, KvEvent, KvFence, KvFilter, KvKey, KvOperation, KvScan, KvWatch, KvWrite,
    WatchFrom,
};
use aegis::{Error, ErrorKind};
use aegis_tests::soon as in_time;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::kv::{Buckets, key, latest, put, soon};

fn fence_key() -> KvKey {
    KvKey::fence("ledger", "main").unwrap()
}

/// Raises the fence as a leader does, from one revision of it to the next.
async fn raise(bucket: &Arc<dyn KvBucket>, before: u64, epoch: u64) -> KvFence {
    let write = KvWrite::put(fence_key(), epoch.to_string());
    let write = write.expecting(Expect::Revision(before));
    let revision = bucket.write(write, soon()).await.unwrap();
    KvFence {
        key: fence_key(),
        revision,
        epoch,
    }
}

fn late(name: &str, error: &Error) {
    assert_eq!(error.kind(), ErrorKind::NotActive, "{name}: {error}");
    let text = error.to_string();
    assert!(text.contains("a newer leader"), "{name}: {text}");
    assert!(text.contains("nothing was written"), "{name}: {text}");
}

#[tokio::test]
async fn without_a_fence_what_a_leader_of_the_past_writes_lands() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open().await;
        put(&bucket, "total", "old leader").await;
        put(&bucket, "total", "new leader").await;
        put(&bucket, "total", "old leader again").await;
        let entry = latest(&bucket, "total").await.unwrap();
        assert_eq!(entry.value, "old leader again", "{}", buckets.name);
    }
}

#[tokio::test]
async fn every_kind_of_write_is_refused_once_the_fence_was_raised() {
    for buckets in Buckets::all().await {
        let name = buckets.name;
        let bucket = buckets.open().await;
        let there = buckets.there.open(buckets.spec(), soon()).await.unwrap();
        let old = raise(&bucket, 0, 7).await;
        let write = |value: &str| KvWrite::put(key("total"), value.to_owned());
        for write in [
            write("1"),
            KvWrite::delete(key("total")),
            write("2"),
            KvWrite::purge(key("total")),
            KvWrite::put(key("other"), "x"),
            write("3"),
        ] {
            let operation = write.operation;
            let written = bucket.write(write.fenced(old.clone()), soon()).await;
            let revision = written.unwrap();
            let found = there.scan(KvFilter::All, KvScan::Latest, soon()).await;
            let newest = found.unwrap().pop().unwrap();
            assert_eq!((newest.revision, newest.operation), (revision, operation));
        }
        let new = raise(&there, old.revision, 8).await;
        let before = there.scan(KvFilter::All, KvScan::Latest, soon()).await;
        for write in [
            write("late"),
            KvWrite::put(key("never seen"), "late"),
            KvWrite::delete(key("total")),
            KvWrite::purge(key("total")),
            KvWrite::put(fence_key(), "7"),
        ] {
            let refused = bucket.write(write.fenced(old.clone()), soon()).await;
            late(name, &refused.unwrap_err());
        }
        let after = there.scan(KvFilter::All, KvScan::Latest, soon()).await;
        assert_eq!(after.unwrap(), before.unwrap(), "{name}");
        there
            .write(write("4").fenced(new.clone()), soon())
            .await
            .unwrap();
        assert_eq!(latest(&bucket, "total").await.unwrap().value, "4", "{name}");
        // Without a fence it is an ordinary write.
        put(&bucket, "total", "5").await;
    }
}

#[tokio::test]
async fn a_fence_that_is_gone_guards_nothing_and_lets_nothing_in() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open().await;
        let fence = raise(&bucket, 0, 7).await;
        let removal = KvWrite::purge(fence_key());
        bucket.write(removal, soon()).await.unwrap();
        let write = KvWrite::put(key("a"), "late").fenced(fence);
        late(
            buckets.name,
            &bucket.write(write, soon()).await.unwrap_err(),
        );
        assert_eq!(latest(&bucket, "a").await, None, "{}", buckets.name);
    }
}

#[tokio::test]
async fn an_older_server_sees_newer_leaders_in_what_they_wrote_too() {
    for buckets in Buckets::all().await {
        if buckets.here.features().fenced_writes {
            continue;
        }
        let bucket = buckets.open().await;
        let new = raise(&bucket, 0, 8).await;
        let write = |value: &str| KvWrite::put(key("a"), value.to_owned());
        let written = bucket.write(write("new").fenced(new), soon()).await;
        written.unwrap();
        // Somebody removes the fence, and a leader of the past raises it.
        let removal = KvWrite::purge(fence_key());
        let removed = bucket.write(removal, soon()).await.unwrap();
        let old = raise(&bucket, removed, 7).await;
        let refused = bucket.write(write("old").fenced(old.clone()), soon()).await;
        late(buckets.name, &refused.unwrap_err());
        let other = KvWrite::put(key("b"), "old").fenced(old);
        bucket.write(other, soon()).await.unwrap();
    }
}

#[tokio::test]
async fn groups_do_not_hinder_one_another() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open().await;
        let main = raise(&bucket, 0, 70).await;
        let other = KvKey::fence("ledger", "other").unwrap();
        let write = KvWrite::put(other.clone(), "5");
        let other = KvFence {
            revision: bucket.write(write, soon()).await.unwrap(),
            key: other,
            epoch: 5,
        };
        // Epochs of different groups have no order, also on one key.
        for fence in [&main, &other, &main, &other] {
            let write = KvWrite::put(key("a"), fence.epoch.to_string()).fenced(fence.clone());
            bucket.write(write, soon()).await.unwrap();
        }
        assert_eq!(latest(&bucket, "a").await.unwrap().value, "5");
    }
}

#[tokio::test]
async fn a_fence_and_a_condition_are_too_much() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open().await;
        let fence = raise(&bucket, 0, 7).await;
        for expect in [Expect::Absent, Expect::Revision(0), Expect::Revision(3)] {
            let write = KvWrite::put(key("a"), "x").expecting(expect);
            let refused = bucket.write(write.fenced(fence.clone()), soon()).await;
            let error = refused.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{}", buckets.name);
            assert!(error.to_string().contains("only writer"), "{error}");
        }
        assert_eq!(latest(&bucket, "a").await, None, "{}", buckets.name);
    }
}

#[tokio::test]
async fn a_value_with_a_time_to_live_is_fenced_too() {
    for buckets in Buckets::all().await {
        if !buckets.here.features().key_ttl {
            continue;
        }
        let bucket = buckets.open().await;
        let old = raise(&bucket, 0, 7).await;
        let mut watch = bucket
            .watch(KvFilter::Key(key("a")), WatchFrom::New, soon())
            .await
            .unwrap();
        let write = |value: &str| {
            let write = KvWrite::put(key("a"), value.to_owned());
            write.living(Duration::from_secs(1))
        };
        let written = bucket.write(write("1").fenced(old.clone()), soon()).await;
        let revision = written.unwrap();
        raise(&bucket, old.revision, 8).await;
        let refused = bucket.write(write("2").fenced(old), soon()).await;
        late(buckets.name, &refused.unwrap_err());
        let mut told = Vec::new();
        while told.len() < 2 {
            let event = in_time("an event", watch.next()).await.unwrap().unwrap();
            if let KvEvent::Entry(entry) = event {
                told.push((entry.operation, entry.value == "1"));
            }
        }
        let expected = [(KvOperation::Put, true), (KvOperation::Expired, false)];
        assert_eq!(told, expected, "{} {revision}", buckets.name);
    }
}

/// The next key that expires.
async fn expired(watch: &mut KvWatch) -> KvKey {
    loop {
        let event = in_time("an event", watch.next()).await.unwrap().unwrap();
        match event {
            KvEvent::Entry(entry) if entry.operation == KvOperation::Expired => return entry.key,
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_fence_outlives_a_bucket_where_everything_expires() {
    for buckets in Buckets::all().await {
        let name = buckets.name;
        let second = Some(Duration::from_secs(1));
        let bucket = buckets.open_with(|spec| spec.ttl = second).await;
        if !buckets.here.features().key_ttl {
            let write = KvWrite::put(fence_key(), "7").expecting(Expect::Absent);
            let error = bucket.write(write, soon()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{name}: {error}");
            assert!(error.to_string().contains("2.11.2"), "{error}");
            continue;
        }
        let fence = raise(&bucket, 0, 7).await;
        let mut watch = bucket
            .watch(KvFilter::All, WatchFrom::Latest, soon())
            .await
            .unwrap();
        // Two lives one after the other, so that also what is checked seldom has been.
        for round in 0..2 {
            let write = KvWrite::put(key("a"), "1").fenced(fence.clone());
            bucket.write(write, soon()).await.unwrap();
            let expired = expired(&mut watch).await;
            assert_eq!(expired, key("a"), "{name}: {round}");
        }
        let stands = bucket.latest(&fence.key, soon()).await.unwrap().unwrap();
        assert_eq!(
            (stands.revision, &*stands.value),
            (fence.revision, &b"7"[..])
        );
    }
}

/// Leaders, each of which is replaced by the next while it still writes.
struct Reigns {
    leaders: u64,
    /// Tasks of each leader that write at once.
    writers: u64,
    keys: u64,
}

/// A write that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Taken {
    revision: u64,
    key: u64,
    epoch: u64,
}

impl Reigns {
    /// Lets them follow one another, and tells what was taken, in its order.
    async fn pass(&self, buckets: &Buckets) -> Vec<Taken> {
        let bucket = buckets.open().await;
        let (mut writers, mut before) = (JoinSet::new(), 0);
        for epoch in 1..=self.leaders {
            let bucket = [
                &bucket,
                &buckets.there.open(buckets.spec(), soon()).await.unwrap(),
            ][usize::from(epoch % 2 == 0)]
            .clone();
            let fence = raise(&bucket, before, epoch).await;
            before = fence.revision;
            let mut at_work = Vec::new();
            for _ in 0..self.writers {
                let (told, works) = oneshot::channel();
                writers.spawn(self.write(bucket.clone(), fence.clone(), told));
                at_work.push(works);
            }
            // The next one takes over in the middle of its work.
            for works in at_work {
                works.await.unwrap();
            }
        }
        let mut taken = writers.join_all().await.concat();
        taken.sort_unstable();
        taken
    }

    /// Writes until it was too late several times; the newest leader never is, and stops by itself.
    fn write(
        &self,
        bucket: Arc<dyn KvBucket>,
        fence: KvFence,
        at_work: oneshot::Sender<()>,
    ) -> impl Future<Output = Vec<Taken>> + Send + 'static {
        let (keys, is_last) = (self.keys, fence.epoch == self.leaders);
        let epoch = fence.epoch;
        async move {
            let (mut taken, mut refused, mut at_work) = (Vec::new(), 0, Some(at_work));
            for n in 0..20_000 {
                let write = KvWrite::put(key(&format!("k{}", n % keys)), epoch.to_string());
                match bucket.write(write.fenced(fence.clone()), soon()).await {
                    Ok(revision) => taken.push(Taken {
                        revision,
                        key: n % keys,
                        epoch,
                    }),
                    Err(error) => {
                        late("a leader", &error);
                        refused += 1;
                    }
                }
                if n == 7 {
                    at_work.take().unwrap().send(()).unwrap();
                }
                if refused == 5 || (is_last && n == 20) {
                    assert!(taken.len() >= 8, "{epoch} had the fence");
                    return taken;
                }
                tokio::task::yield_now().await;
            }
            panic!("{epoch} was never too late")
        }
    }
}

/// No older epoch behind a newer one: anywhere, if the server checks fences, else of each key.
pub(crate) fn in_order(exact: bool, taken: impl Iterator<Item = (String, u64)>) -> bool {
    let mut newest = HashMap::new();
    for (key, epoch) in taken {
        let newest = newest.entry(if exact { String::new() } else { key });
        let newest = newest.or_insert(epoch);
        if *newest > epoch {
            return false;
        }
        *newest = epoch;
    }
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_has_no_older_epoch_behind_a_newer_one() {
    for (leaders, writers, keys) in [(6, 1, 8), (40, 6, 1), (10, 8, 3)] {
        for buckets in Buckets::all().await {
            let reigns = Reigns {
                leaders,
                writers,
                keys,
            };
            let taken = reigns.pass(&buckets).await;
            let exact = buckets.here.features().fenced_writes;
            let writes = taken
                .iter()
                .map(|taken| (taken.key.to_string(), taken.epoch));
            assert!(
                in_order(exact, writes),
                "{} {keys}: {taken:?}",
                buckets.name
            );
            let revisions: HashSet<u64> = taken.iter().map(|taken| taken.revision).collect();
            assert_eq!(
                revisions.len(),
                taken.len(),
                "{}: each is one write",
                buckets.name
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writes_of_one_leader_are_on_the_way_at_once() {
    for buckets in Buckets::all().await {
        let bucket = buckets.open().await;
        let fence = raise(&bucket, 0, 7).await;
        let mut writes = JoinSet::new();
        for n in 0..400 {
            let (bucket, fence) = (bucket.clone(), fence.clone());
            writes.spawn(async move {
                // Some keys are written by several at once.
                let write = KvWrite::put(key(&format!("k{}", n % 100)), n.to_string());
                bucket.write(write.fenced(fence), soon()).await.unwrap()
            });
        }
        let mut revisions = writes.join_all().await;
        revisions.sort_unstable();
        revisions.dedup();
        assert_eq!(revisions.len(), 400, "{}", buckets.name);
    }
}
