//! Answers of a moment ago, one question at a time per service.

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use tokio::time::Instant;

use super::Found;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Instance;

/// An answer is good for so long.
const FRESH: Duration = Duration::from_secs(10);
/// Services remembered.
const MOST: NonZeroUsize = NonZeroUsize::new(1000).unwrap();
/// While the registry cannot be asked, it is asked so often at most.
const PAUSE: Duration = Duration::from_secs(1);

/// The last answers.
pub(super) struct Cache(Mutex<LruCache<String, Arc<Entry>>>);

/// What is known of one service.
#[derive(Default)]
struct Entry {
    /// One at a time asks; the others wait for its answer.
    asks: tokio::sync::Mutex<()>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    answer: Option<Answer>,
    /// The last question failed, at that time.
    failure: Option<(Error, Instant)>,
}

struct Answer {
    instances: Arc<[Arc<Instance>]>,
    heard: Instant,
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

    /// The answer remembered, else that of `ask`; an older one, if there is one, while somebody
    /// else asks and when `ask` fails.
    pub(super) async fn get<F>(
        &self,
        service: &str,
        clock: impl Fn() -> Instant,
        deadline: Instant,
        ask: impl FnOnce() -> F,
    ) -> Result<Found>
    where
        F: Future<Output = Result<Vec<Instance>>>,
    {
        let entry = {
            let mut entries = self.entries();
            let make = Arc::<Entry>::default;
            entries.get_or_insert(service.to_owned(), make).clone()
        };
        if let Some(outcome) = entry.known().settled(clock()) {
            return outcome;
        }
        let turn = if let Ok(turn) = entry.asks.try_lock() {
            turn
        } else {
            if let Some(old) = entry.known().old(clock()) {
                return Ok(old);
            }
            let turn = tokio::time::timeout_at(deadline, entry.asks.lock()).await;
            let late = |_| Error::new(ErrorKind::Timeout, "the registry did not answer in time");
            turn.map_err(late)?
        };
        // Whoever asked before us may have had an answer.
        if let Some(outcome) = entry.known().settled(clock()) {
            return outcome;
        }
        let asked = ask().await;
        let outcome = entry.known().note(asked, clock());
        drop(turn);
        outcome
    }
}

impl Entry {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// What is told without a question.
    fn settled(&self, now: Instant) -> Option<Result<Found>> {
        if let Some(answer) = &self.answer
            && now < answer.heard + FRESH
        {
            return Some(Ok(answer.found(now)));
        }
        let (error, failed) = self.failure.as_ref()?;
        (now < *failed + PAUSE).then(|| self.old(now).ok_or_else(|| error.clone()))
    }

    fn old(&self, now: Instant) -> Option<Found> {
        self.answer.as_ref().map(|answer| answer.found(now))
    }

    /// Remembers how a question ended, and answers with it.
    fn note(&mut self, asked: Result<Vec<Instance>>, now: Instant) -> Result<Found> {
        match asked {
            Ok(records) => {
                self.failure = None;
                let answer = self.answer.insert(Answer {
                    instances: records.into_iter().map(Arc::new).collect(),
                    heard: now,
                });
                Ok(answer.found(now))
            }
            Err(error) => {
                tracing::debug!(%error, "the registry was asked in vain");
                self.failure = Some((error.clone(), now));
                self.old(now).ok_or(error)
            }
        }
    }
}

impl Answer {
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

    use futures_util::future::{join_all, ready};
    use serde_json::json;

    use super::*;

    fn records(ids: &[&str]) -> Vec<Instance> {
        let record = |id: &&str| {
            let record = json!({"serviceName": "orders", "instanceId": id, "status": "ACTIVE"});
            serde_json::from_value(record).unwrap()
        };
        ids.iter().map(record).collect()
    }

    /// The registry that a test asks, and its clock.
    struct World {
        cache: Cache,
        start: Instant,
        seconds: AtomicUsize,
        asked: AtomicUsize,
    }

    impl World {
        fn new() -> Self {
            Self {
                cache: Cache::default(),
                start: Instant::now(),
                seconds: AtomicUsize::new(0),
                asked: AtomicUsize::new(0),
            }
        }

        fn now(&self) -> Instant {
            self.start + Duration::from_secs(self.seconds.load(Ordering::Relaxed) as u64)
        }

        /// Asks at that second; the registry takes so many seconds for its answer.
        async fn get(&self, second: usize, takes: usize, ids: Option<&[&str]>) -> Result<Found> {
            self.seconds.fetch_max(second, Ordering::Relaxed);
            let ask = || async {
                self.asked.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                self.seconds.fetch_add(takes, Ordering::Relaxed);
                let away = || Error::new(ErrorKind::Disconnected, "away");
                ids.map(records).ok_or_else(away)
            };
            let deadline = self.start + Duration::from_secs(3600);
            self.cache.get("orders", || self.now(), deadline, ask).await
        }

        async fn told(&self, second: usize, takes: usize, ids: Option<&[&str]>) -> (usize, u64) {
            let found = self.get(second, takes, ids).await.unwrap();
            (found.len(), found.age().as_secs())
        }
    }

    #[tokio::test]
    async fn an_answer_is_good_for_a_while_and_then_asked_for_again() {
        let world = World::new();
        assert_eq!(world.told(0, 0, Some(&["a"])).await, (1, 0));
        assert_eq!(world.told(9, 0, Some(&["a", "b"])).await, (1, 9));
        assert_eq!(world.told(10, 0, Some(&["a", "b"])).await, (2, 0));
        world.cache.forget("orders");
        assert_eq!(world.told(11, 0, Some(&[])).await, (0, 0));
    }

    #[tokio::test]
    async fn without_the_registry_the_last_answer_is_told_with_its_age() {
        let world = World::new();
        assert_eq!(world.told(0, 0, Some(&["a"])).await, (1, 0));
        // A question that fails takes 5 s; those who come meanwhile and just after do not wait.
        assert_eq!(world.told(60, 5, None).await, (1, 65));
        for _ in 0..100 {
            assert_eq!(world.told(65, 5, None).await, (1, 65));
        }
        let asked = world.asked.load(Ordering::Relaxed);
        assert_eq!(asked, 2, "nobody hammers on a closed door");
        assert_eq!(world.told(66, 0, Some(&["a", "b"])).await, (2, 0));
    }

    #[tokio::test]
    async fn without_any_answer_the_failure_is_told_to_all_who_wait() {
        let world = World::new();
        let all = join_all((0..100).map(|_| world.get(0, 5, None))).await;
        for outcome in all {
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Disconnected);
        }
        assert_eq!(world.asked.load(Ordering::Relaxed), 1);
        assert_eq!(world.told(6, 0, Some(&["a"])).await, (1, 0));
    }

    #[tokio::test]
    async fn many_ask_and_one_question_is_sent() {
        let world = World::new();
        let all = join_all((0..100).map(|_| world.get(0, 0, Some(&["a"])))).await;
        assert!(all.into_iter().all(|found| found.unwrap().len() == 1));
        assert_eq!(world.asked.load(Ordering::Relaxed), 1);
        // An old answer is better than waiting for a new one.
        let all = join_all((0..3).map(|_| world.get(20, 0, Some(&["a", "b"])))).await;
        let lengths: Vec<_> = all.into_iter().map(|found| found.unwrap().len()).collect();
        assert_eq!(lengths, [2, 1, 1]);
    }

    #[tokio::test]
    async fn so_many_are_remembered_and_no_more() {
        let (cache, now) = (Cache::default(), Instant::now());
        let ask = async |name: &str| {
            let none = || ready(Ok(Vec::new()));
            cache.get(name, || now, now, none).await.unwrap();
        };
        for number in 0..1500 {
            ask(&number.to_string()).await;
            ask("0").await;
        }
        assert_eq!(cache.entries().len(), MOST.get());
        let mut entries = cache.entries();
        assert!(entries.get("0").is_some(), "who is asked for often stays");
        assert!(entries.get("1").is_none() && entries.get("1499").is_some());
    }
}
