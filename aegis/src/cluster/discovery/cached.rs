//! Answers of a moment ago, one question at a time per service.

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use tokio::time::Instant;

use super::Found;
use crate::error::Result;
use crate::model::Instance;

/// An answer is good for so long.
const FRESH: Duration = Duration::from_secs(10);
/// Services remembered.
const MOST: NonZeroUsize = NonZeroUsize::new(1000).unwrap();
/// While the registry cannot be asked, it is asked so often at most.
const PAUSE: Duration = Duration::from_secs(1);

/// The last answers.
pub(super) struct Cache(Mutex<LruCache<String, Arc<Entry>>>);

/// One at a time asks; the others wait for its answer.
type Entry = tokio::sync::Mutex<Option<Known>>;

struct Known {
    instances: Arc<[Arc<Instance>]>,
    heard: Instant,
    asked: Instant,
}

impl Default for Cache {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(MOST)))
    }
}

impl Cache {
    fn entries(&self) -> MutexGuard<'_, LruCache<String, Arc<Entry>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn forget(&self, service: &str) {
        self.entries().pop(service);
    }

    /// The answer remembered, else that of `ask`; the last one, if there is one and `ask` fails.
    pub(super) async fn get<F>(
        &self,
        service: &str,
        now: Instant,
        ask: impl FnOnce() -> F,
    ) -> Result<Found>
    where
        F: Future<Output = Result<Vec<Instance>>>,
    {
        let entry = {
            let mut entries = self.entries();
            entries
                .get_or_insert(service.to_owned(), Arc::default)
                .clone()
        };
        let mut known = entry.lock().await;
        if let Some(known) = &*known
            && (now < known.heard + FRESH || now < known.asked + PAUSE)
        {
            return Ok(known.found(now));
        }
        match (ask().await, &mut *known) {
            (Ok(records), known) => {
                let known = known.insert(Known {
                    instances: records.into_iter().map(Arc::new).collect(),
                    heard: now,
                    asked: now,
                });
                Ok(known.found(now))
            }
            (Err(error), Some(known)) => {
                tracing::debug!(service, %error, "an older answer is used");
                known.asked = now;
                Ok(known.found(now))
            }
            (Err(error), None) => {
                drop(known);
                self.drop_unknown(service, &entry);
                Err(error)
            }
        }
    }

    /// What never had an answer takes no place.
    fn drop_unknown(&self, service: &str, entry: &Arc<Entry>) {
        let mut entries = self.entries();
        if entries
            .peek(service)
            .is_some_and(|one| Arc::ptr_eq(one, entry))
        {
            entries.pop(service);
        }
    }
}

impl Known {
    fn found(&self, now: Instant) -> Found {
        Found {
            instances: self.instances.clone(),
            age: now.saturating_duration_since(self.heard),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::{Ready, join_all, ready};
    use serde_json::json;

    use super::*;
    use crate::error::{Error, ErrorKind};

    fn records(ids: &[&str]) -> Vec<Instance> {
        let record = |id: &&str| {
            let record = json!({"serviceName": "orders", "instanceId": id, "status": "ACTIVE"});
            serde_json::from_value(record).unwrap()
        };
        ids.iter().map(record).collect()
    }

    fn away() -> Error {
        Error::new(ErrorKind::Disconnected, "away")
    }

    fn ok(ids: &[&str]) -> Ready<Result<Vec<Instance>>> {
        ready(Ok(records(ids)))
    }

    #[tokio::test]
    async fn an_answer_is_good_for_a_while_and_then_asked_for_again() {
        let (cache, start) = (Cache::default(), Instant::now());
        let answer = async |seconds: u64, ids: &[&str]| {
            let now = start + Duration::from_secs(seconds);
            let found = cache.get("orders", now, || ok(ids)).await.unwrap();
            (found.len(), found.age().as_secs())
        };
        assert_eq!(answer(0, &["a"]).await, (1, 0));
        assert_eq!(answer(9, &["a", "b"]).await, (1, 9));
        assert_eq!(answer(10, &["a", "b"]).await, (2, 0));
        cache.forget("orders");
        assert_eq!(answer(11, &[]).await, (0, 0));
    }

    #[tokio::test]
    async fn without_the_registry_the_last_answer_is_told_with_its_age() {
        let (cache, start) = (Cache::default(), Instant::now());
        let failed = cache.get("orders", start, || async { Err(away()) }).await;
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Disconnected);
        assert_eq!(cache.entries().len(), 0);
        cache.get("orders", start, || ok(&["a"])).await.unwrap();
        let asked = AtomicUsize::new(0);
        let ask = || async {
            asked.fetch_add(1, Ordering::Relaxed);
            Err(away())
        };
        let now = start + Duration::from_secs(60);
        for _ in 0..100 {
            let found = cache.get("orders", now, ask).await.unwrap();
            assert_eq!((found.len(), found.age().as_secs()), (1, 60));
        }
        let once = asked.load(Ordering::Relaxed);
        assert_eq!(once, 1, "nobody hammers on a closed door");
        let found = cache.get("orders", now + PAUSE, || ok(&["a", "b"])).await;
        assert_eq!(found.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn many_ask_and_one_question_is_sent() {
        let (cache, asked, now) = (Cache::default(), AtomicUsize::new(0), Instant::now());
        let ask = || async {
            asked.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            ok(&["a"]).await
        };
        let all = join_all((0..100).map(|_| cache.get("orders", now, ask))).await;
        assert!(all.into_iter().all(|found| found.unwrap().len() == 1));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn so_many_are_remembered_and_no_more() {
        let (cache, now) = (Cache::default(), Instant::now());
        for number in 0..1500 {
            let name = number.to_string();
            cache.get(&name, now, || ok(&[])).await.unwrap();
            cache.get("0", now, || ok(&[])).await.unwrap();
        }
        assert_eq!(cache.entries().len(), MOST.get());
        let mut entries = cache.entries();
        assert!(entries.get("0").is_some(), "who is asked for often stays");
        assert!(entries.get("1").is_none() && entries.get("1499").is_some());
    }
}
