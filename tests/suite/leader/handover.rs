//! The leadership goes from one instance to another: in order, after a crash, on request.

use super::*;

/// Calls without a pause until it is told to end; every call must succeed.
struct Caller {
    task: tokio::task::JoinHandle<Vec<Posted>>,
    end: Arc<Semaphore>,
}

impl Caller {
    fn start(client: &Client) -> Self {
        let end = Arc::new(Semaphore::new(0));
        let (client, ended) = (client.clone(), end.clone());
        let task = tokio::spawn(async move {
            let mut answers = Vec::new();
            while ended.try_acquire().is_err() {
                answers.push(post(&client).await);
            }
            answers
        });
        Self { task, end }
    }

    async fn answers(self) -> Vec<Posted> {
        self.end.add_permits(1);
        soon("the caller", self.task).await.unwrap()
    }
}

#[tokio::test]
async fn a_stop_hands_over_and_no_call_fails() {
    for config in configs().await {
        let ledger = Ledger::default();
        let first = serve(&config, "ledger-1", &ledger).await;
        let client = client(&config).await;
        let before = post(&client).await;
        let second = serve(&config, "ledger-2", &ledger).await;
        let caller = Caller::start(&client);
        first.stop().await.unwrap();
        eventually("the second leads", async || {
            post(&client).await.by == "ledger-2"
        })
        .await;
        let answers = caller.answers().await;
        let last = answers.last().unwrap();
        assert_eq!(
            (before.by.as_str(), last.by.as_str()),
            ("ledger-1", "ledger-2")
        );
        assert!(
            answers.is_sorted_by_key(|answer| answer.epoch),
            "{answers:?}"
        );
        assert!(last.epoch > before.epoch);
        second.stop().await.unwrap();
    }
}

#[tokio::test]
async fn what_runs_ends_before_the_leadership_is_given_up() {
    for config in configs().await {
        let ledger = Ledger::default();
        let first = serve(&config, "ledger-1", &ledger).await;
        let client = client(&config).await;
        let epoch = post(&client).await.epoch;
        let second = serve(&config, "ledger-2", &ledger).await;
        let slow = LedgerClient::new(&client).post_slowly();
        let slow = tokio::spawn(slow.into_future());
        let _ = soon("it has begun", ledger.begun.acquire()).await.unwrap();
        let stopping = tokio::spawn(first.stop());
        // While it drains it leads still, and nobody else does.
        let refused = LedgerClient::new(&client).post().to_instance("ledger-2");
        let error = refused.within(Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::NotActive), "{error}");
        ledger.lets_go.add_permits(1);
        assert_eq!(soon("the slow one", slow).await.unwrap().unwrap(), epoch);
        soon("the stop", stopping).await.unwrap().unwrap();
        assert!(post(&client).await.epoch > epoch);
        second.stop().await.unwrap();
    }
}

/// A call that the crashed one got has no answer: it is made again.
async fn after_a_crash(client: &Client) -> Posted {
    let calls = LedgerClient::new(client);
    loop {
        match calls.post().within(Duration::from_millis(500)).await {
            Ok(posted) => return posted,
            Err(error) => assert!(error.kind().is_some(), "{error}"),
        }
    }
}

#[tokio::test]
async fn five_are_lost_one_after_another_and_each_is_replaced() {
    for config in configs().await {
        let ledger = Ledger::default();
        let mut instances = Vec::new();
        for number in 1..=5 {
            let id = format!("ledger-{number}");
            instances.push((id.clone(), serve(&config, &id, &ledger).await));
        }
        let client = client(&config).await;
        let mut epoch = 0;
        while !instances.is_empty() {
            let posted = after_a_crash(&client).await;
            assert!(posted.epoch > epoch, "{posted:?} after {epoch}");
            epoch = posted.epoch;
            let at = instances.iter().position(|(id, _)| *id == posted.by);
            // As if it had crashed: nothing is given up.
            drop(instances.swap_remove(at.unwrap()));
        }
    }
}

#[tokio::test]
async fn a_leader_steps_down_on_request() {
    for config in configs().await {
        let ledger = Ledger::default();
        let first = serve(&config, "ledger-1", &ledger).await;
        let client = client(&config).await;
        let before = post(&client).await;
        let second = serve(&config, "ledger-2", &ledger).await;
        let ended = client.step_down("ledger", "ledger-1").await.unwrap();
        assert_eq!(ended, before.epoch);
        eventually("the second leads", async || {
            post(&client).await.by == "ledger-2"
        })
        .await;
        let refused = client.step_down("ledger", "ledger-1").await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NotActive, "{refused}");
        let nobody = client.step_down("ledger", "ledger-9").await.unwrap_err();
        assert_eq!(nobody.kind(), ErrorKind::NoService, "{nobody}");
        first.stop().await.unwrap();
        second.stop().await.unwrap();
    }
}

#[tokio::test]
async fn alone_it_leads_again_after_it_has_stepped_down() {
    for config in configs().await {
        let running = serve(&config, "ledger-1", &Ledger::default()).await;
        let client = client(&config).await;
        let before = post(&client).await;
        client.step_down("ledger", "ledger-1").await.unwrap();
        eventually("a new term", async || {
            post(&client).await.epoch > before.epoch
        })
        .await;
        running.stop().await.unwrap();
    }
}

#[tokio::test]
async fn who_cannot_lead_leaves_it_to_others() {
    for config in configs().await {
        let broken = Ledger {
            fails_to_lead: true,
            ..Ledger::default()
        };
        let first = serve(&config, "ledger-1", &broken).await;
        let second = serve(&config, "ledger-2", &Ledger::default()).await;
        let client = client(&config).await;
        assert_eq!(post(&client).await.by, "ledger-2");
        // It had begun to lead, and is told each time that it does not.
        let seen = broken.seen();
        assert!(
            seen.iter().all(|line| line == "ledger-1 stands by"),
            "{seen:?}"
        );
        first.stop().await.unwrap();
        second.stop().await.unwrap();
    }
}
