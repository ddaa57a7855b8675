//! Several processes at one effect.

use std::sync::Arc;
use std::time::Duration;

use aegis::{Failure, Inbox, Once};
use aegis_tests::{clients, soon};
use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{Earlier, Outside, again, inbox};

/// Delivers an event until it is done with; tells whether it ran here.
async fn delivered(inbox: Inbox, outside: Arc<Outside>) -> bool {
    loop {
        match inbox.once("event-7").run(|| outside.act("event-7")).await {
            Ok(once) => return matches!(once, Once::Done(_)),
            Err(failure) => {
                assert_eq!(failure.code(), Inbox::RUNNING, "{failure}");
                assert!(failure.is_retryable());
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Delivers an event fifty times at once, to inboxes one after the other; tells how often it ran.
async fn fifty_times(inboxes: &[Inbox], outside: &Arc<Outside>) -> usize {
    let all = inboxes.iter().cycle().take(50);
    let tasks: JoinSet<bool> = all
        .map(|inbox| delivered(inbox.clone(), outside.clone()))
        .collect();
    let ran = soon("all are done", tasks.join_all()).await;
    ran.into_iter().filter(|ran| *ran).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_at_once_one_runs() {
    for number in [1, 50] {
        for (name, clients) in clients(5).await {
            let outside = Arc::new(Outside::default());
            let all = clients.iter().cycle().take(number);
            let inboxes = join_all(all.map(inbox)).await;
            let ran = fifty_times(&inboxes, &outside).await;
            assert_eq!((ran, outside.count()), (1, 1), "{name}, {number} inboxes");
        }
    }
}

#[tokio::test]
async fn nobody_takes_over_from_the_living() {
    for (name, clients) in clients(2).await {
        let (here, there) = (inbox(&clients[0]).await, inbox(&clients[1]).await);
        let (outside, go) = (Outside::default(), Notify::new());
        let slow = here.once("event-7").run(|| async {
            outside.stuck.notify_one();
            go.notified().await;
            outside.act("event-7").await
        });
        let others = async {
            outside.stuck.notified().await;
            // Each looks for a while.
            for inbox in [&there, &here, &there] {
                let effect = inbox.once("event-7").resolve(|| outside.find("event-7"));
                let failure = effect.run(|| outside.act("event-7")).await.unwrap_err();
                assert_eq!(failure.code(), Inbox::RUNNING, "{name}: {failure}");
            }
            go.notify_one();
        };
        let (slow, ()) = soon("the end", async { tokio::join!(slow, others) }).await;
        assert_eq!(slow.unwrap(), Once::Done(1), "{name}");
        let found = again(&there, &outside, true).await;
        assert_eq!(found, (false, 1, 0), "{name}");
    }
}

#[tokio::test]
async fn the_dead_are_taken_over_after_the_patience() {
    for (name, clients) in clients(2).await {
        for (earlier, expected) in [
            (Earlier::DroppedBefore, (true, 1, 1)),
            (Earlier::DroppedAfter, (false, 1, 1)),
        ] {
            let patience = Duration::from_millis(100);
            let open = |client: usize| {
                let name = format!("{earlier:?}");
                clients[client]
                    .inbox(&name)
                    .max_bytes(1 << 20)
                    .patience(patience)
                    .open()
            };
            let (dead, heir) = (open(0).await.unwrap(), open(1).await.unwrap());
            let outside = Outside::default();
            earlier.play(&dead, &outside, true).await;
            let found = soon("the end", again(&heir, &outside, true)).await;
            assert_eq!(found, expected, "{name}: {earlier:?}");
        }
    }
}

#[tokio::test]
async fn who_was_taken_over_says_that_it_may_have_happened_twice() {
    for (name, clients) in clients(2).await {
        let hasty = clients[1].inbox("billing").max_bytes(8 << 20);
        let hasty = hasty.patience(Duration::ZERO).open().await.unwrap();
        let frozen = inbox(&clients[0]).await;
        let (outside, go) = (Outside::default(), Notify::new());
        let slow = frozen.once("event-7").run(|| async {
            outside.stuck.notify_one();
            go.notified().await;
            outside.act("event-7").await
        });
        let other = async {
            outside.stuck.notified().await;
            let once = hasty.once("event-7").run(|| outside.act("event-7")).await;
            assert_eq!(once.unwrap(), Once::Done(1), "{name}");
            go.notify_one();
        };
        let (slow, ()) = soon("the end", async { tokio::join!(slow, other) }).await;
        let failure: Failure = slow.unwrap_err();
        assert_eq!(
            (failure.code(), outside.count()),
            (Inbox::TWICE, 2),
            "{name}"
        );
        assert!(failure.is_retryable(), "{name}: {failure}");
        let found = again(&frozen, &outside, false).await;
        assert_eq!(found, (false, 2, 0), "{name}");
    }
}
