//! Exclusive work with a key has its effect once, whoever leads when it is asked for again.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// Counts how often its work runs.
#[derive(Clone)]
struct Till {
    runs: Arc<AtomicU64>,
    /// How the next run ends.
    fate: Arc<Mutex<Fate>>,
    begun: Arc<Semaphore>,
    lets_go: Arc<Semaphore>,
}

impl Default for Till {
    fn default() -> Self {
        Self {
            runs: Arc::default(),
            fate: Arc::default(),
            begun: Arc::new(Semaphore::new(0)),
            lets_go: Arc::new(Semaphore::new(0)),
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Fate {
    #[default]
    Succeeds,
    SoldOut,
    TryAgain,
    Breaks,
    Panics,
    Hangs,
}

impl Till {
    async fn run(&self) -> Result<u64, Failure> {
        let run = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
        let fate = *self.fate.lock().unwrap();
        match fate {
            Fate::Succeeds => Ok(run),
            Fate::SoldOut => Err(Failure::new("SOLD_OUT", "no more").with_status(409)),
            Fate::TryAgain => Err(Failure::new("BUSY", "later").retryable()),
            Fate::Breaks => Err(Failure::internal("on purpose")),
            Fate::Panics => panic!("on purpose"),
            Fate::Hangs => {
                self.begun.add_permits(1);
                let _ = self.lets_go.acquire().await;
                Ok(run)
            }
        }
    }

    fn fate(&self, fate: Fate) {
        *self.fate.lock().unwrap() = fate;
    }

    fn runs(&self) -> u64 {
        self.runs.load(Ordering::SeqCst)
    }
}

#[aegis::service(name = "till", version = "1.0.0", failover = "aggressive")]
impl Till {
    #[exclusive_rpc]
    async fn pay(&self, amount: u64) -> Result<u64, Failure> {
        let _ = amount;
        self.run().await
    }

    #[exclusive_rpc(idempotent)]
    async fn settle(&self, ctx: &Context) -> Result<(u64, bool), Failure> {
        Ok((self.run().await?, ctx.may_have_run()))
    }
}

async fn till(config: &Config, till: &Till) -> Running {
    let app = App::new(config.clone()).service(till.clone());
    app.start().await.unwrap()
}

#[tokio::test]
async fn a_repeated_call_gets_the_first_result_also_from_another_leader() {
    for config in configs().await {
        let counter = Till::default();
        let first = till(&config, &counter).await;
        let client = client(&config).await;
        let calls = TillClient::new(&client);
        let pay = |key: &'static str| calls.pay(7).idempotency_key(key);
        assert_eq!(pay("a").await.unwrap(), 1);
        assert_eq!(pay("a").await.unwrap(), 1);
        assert_eq!(pay("b: with any text 👋").await.unwrap(), 2);
        let second = till(&config, &counter).await;
        first.stop().await.unwrap();
        assert_eq!(pay("a").await.unwrap(), 1);
        assert_eq!(pay("b: with any text 👋").await.unwrap(), 2);
        // Without a key every call is its own.
        assert_eq!(calls.pay(7).await.unwrap(), 3);
        assert_eq!(counter.runs(), 3);
        second.stop().await.unwrap();
    }
}

#[tokio::test]
async fn how_it_ended_decides_whether_it_runs_again() {
    use ErrorKind::{Internal, OutcomeUnknown};
    for config in configs().await {
        let counter = Till::default();
        let running = till(&config, &counter).await;
        let client = client(&config).await;
        let calls = TillClient::new(&client);
        // What the first and the second caller hear, and how often it ran.
        for (fate, first, second, runs) in [
            (Fate::Succeeds, None, None, 1),
            (Fate::SoldOut, None, None, 1),
            (Fate::TryAgain, None, None, 2),
            (Fate::Breaks, Some(Internal), Some(OutcomeUnknown), 1),
            (Fate::Panics, Some(Internal), Some(OutcomeUnknown), 1),
        ] {
            counter.fate(fate);
            let before = counter.runs();
            let key = format!("{fate:?}");
            for expected in [first, second] {
                let outcome = calls.pay(7).idempotency_key(&key).await;
                let kind = outcome.as_ref().err().and_then(CallError::kind);
                assert_eq!(kind, expected, "{fate:?}: {outcome:?}");
                let failure = outcome.as_ref().err().and_then(CallError::service);
                let sold_out = failure.filter(|failure| failure.code() == "SOLD_OUT");
                assert!(sold_out.is_none_or(|failure| failure.status() == 409));
                assert_eq!(sold_out.is_some(), fate == Fate::SoldOut, "{failure:?}");
            }
            assert_eq!(counter.runs() - before, runs, "{fate:?}");
        }
        running.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_crash_in_the_middle_is_no_second_effect() {
    for config in configs().await {
        let counter = Till::default();
        let first = till(&config, &counter).await;
        let client = client(&config).await;
        let calls = TillClient::new(&client);
        counter.fate(Fate::Hangs);
        let short = Duration::from_secs(1);
        let pay = calls.pay(7).idempotency_key("a").within(short);
        let settle = calls.settle().idempotency_key("b").within(short);
        let calls_of_the_first = tokio::spawn(async move { tokio::join!(pay, settle) });
        let _ = soon("both run", counter.begun.acquire_many(2))
            .await
            .unwrap();
        // While it runs nobody runs it a second time.
        let impatient = calls.pay(7).idempotency_key("a");
        let impatient = impatient.within(Duration::from_millis(200)).await;
        assert!(impatient.is_err(), "{impatient:?}");
        let second = till(&config, &counter).await;
        drop(first);
        assert!(calls_of_the_first.await.unwrap().0.is_err());
        counter.fate(Fate::Succeeds);
        // What the first one's subscription gets before it is gone has no answer.
        eventually("the second says that nobody knows", async || {
            let again = calls.pay(7).idempotency_key("a");
            let error = again.within(short).await.unwrap_err();
            error.kind() == Some(ErrorKind::OutcomeUnknown)
        })
        .await;
        // What is idempotent runs again, and is told that it may have run.
        let settled = calls.settle().idempotency_key("b").await.unwrap();
        assert_eq!(settled, (3, true));
        assert_eq!(calls.settle().idempotency_key("b").await.unwrap(), settled);
        assert_eq!(counter.runs(), 3);
        second.stop().await.unwrap();
    }
}

#[tokio::test]
async fn what_may_have_run_is_remembered_also_when_it_is_put_off() {
    for config in configs().await {
        let counter = Till::default();
        let running = till(&config, &counter).await;
        let client = client(&config).await;
        let calls = TillClient::new(&client);
        let settle = || calls.settle().idempotency_key("a");
        counter.fate(Fate::Panics);
        assert!(settle().await.is_err());
        counter.fate(Fate::TryAgain);
        assert!(settle().await.is_err());
        counter.fate(Fate::Succeeds);
        assert_eq!(settle().await.unwrap(), (3, true));
        running.stop().await.unwrap();
    }
}

#[tokio::test]
async fn ten_callers_with_one_key_have_one_effect() {
    for config in configs().await {
        let counter = Till::default();
        let running = till(&config, &counter).await;
        let client = client(&config).await;
        let callers = (0..10).map(|_| {
            let call = TillClient::new(&client).pay(7).idempotency_key("a");
            let patient = RetryPolicy::default().max_attempts(100);
            tokio::spawn(call.retry(patient).into_future())
        });
        let callers: Vec<_> = callers.collect();
        for caller in callers {
            assert_eq!(soon("an answer", caller).await.unwrap().unwrap(), 1);
        }
        assert_eq!(counter.runs(), 1);
        running.stop().await.unwrap();
    }
}

#[tokio::test]
async fn repetitions_are_answered_in_the_form_they_ask_in() {
    for config in configs().await {
        let counter = Till::default();
        let running = till(&config, &counter).await;
        for config in [
            config.clone(),
            config.clone().codec(aegis::Codec::MessagePack),
            config.clone().envelope(),
        ] {
            let client = client(&config).await;
            let paid = TillClient::new(&client).pay(7).idempotency_key("a").await;
            assert_eq!(paid.unwrap(), 1);
        }
        running.stop().await.unwrap();
    }
}
