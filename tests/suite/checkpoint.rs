//! State and position in one write: each message changes the value once, whoever leads.

use std::sync::Arc;
use std::time::Duration;

use aegis::testing::{NatsServer, TestLeadership, leadership};
use aegis::{Applied, Checkpoint, Client, Config, Failure};
use aegis_tests::interrupted::{Dice, interrupted};
use aegis_tests::{clients, soon};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Book {
    total: u64,
    changes: u64,
}

impl Book {
    fn add(&mut self, amount: u64) {
        self.total += amount;
        self.changes += 1;
    }
}

fn leader(epoch: u64) -> TestLeadership {
    leadership("ledger", "main", epoch).unwrap()
}

async fn book(client: &Client) -> Checkpoint<Book> {
    let book = client.checkpoint("ledger", "main").max_bytes(8 << 20);
    book.await.unwrap()
}

async fn add(
    book: &Checkpoint<Book>,
    sequence: u64,
    leader: &TestLeadership,
) -> Result<Applied, Failure> {
    let applied = book.apply(sequence, leader, |book| {
        book.add(sequence);
        Ok(())
    });
    applied.await
}

/// Position, total, number of changes.
async fn stands(book: &Checkpoint<Book>) -> (u64, u64, u64) {
    let recorded = book.read().await.unwrap();
    recorded.map_or((0, 0, 0), |book| {
        (book.position, book.value.total, book.value.changes)
    })
}

#[tokio::test]
async fn a_message_behind_the_position_was_applied() {
    use Applied::{Before, Now};
    for (name, clients) in clients(2).await {
        let (book, standby) = (book(&clients[0]).await, book(&clients[1]).await);
        let leader = leader(7);
        assert_eq!(standby.read().await.unwrap(), None, "{name}");
        for (sequence, expected, total) in [
            (2, Now, 2),
            (2, Before, 2),
            (1, Before, 2),
            (3, Now, 5),
            (2, Before, 5),
            (70, Now, 75),
            (69, Before, 75),
            (70, Before, 75),
            (71, Now, 146),
        ] {
            let applied = add(&book, sequence, &leader).await.unwrap();
            assert_eq!(applied, expected, "{name}: {sequence}");
            assert_eq!(stands(&standby).await.1, total, "{name}: {sequence}");
        }
        assert_eq!(stands(&standby).await, (71, 146, 4), "{name}");
    }
}

#[tokio::test]
async fn a_closure_that_fails_changes_nothing() {
    for (name, clients) in clients(1).await {
        let (book, leader) = (book(&clients[0]).await, leader(7));
        add(&book, 1, &leader).await.unwrap();
        let failed = book.apply(2, &leader, |book| {
            book.add(1000);
            Err(Failure::new("BROKEN", "after a change"))
        });
        assert_eq!(failed.await.unwrap_err().code(), "BROKEN", "{name}");
        assert_eq!(stands(&book).await, (1, 1, 1), "{name}");
        assert_eq!(
            add(&book, 2, &leader).await.unwrap(),
            Applied::Now,
            "{name}"
        );
        assert_eq!(stands(&book).await, (2, 3, 2), "{name}");
    }
}

#[tokio::test]
async fn a_leader_of_the_past_changes_nothing_and_knows_nothing_old_when_it_leads_again() {
    for (name, clients) in clients(2).await {
        let (one, two) = (book(&clients[0]).await, book(&clients[1]).await);
        let (old, new, newest) = (leader(7), leader(8), leader(9));
        add(&one, 1, &old).await.unwrap();
        add(&one, 2, &old).await.unwrap();
        assert_eq!(add(&two, 2, &new).await.unwrap(), Applied::Before, "{name}");
        assert_eq!(add(&two, 3, &new).await.unwrap(), Applied::Now, "{name}");
        for sequence in [3, 4] {
            let late = add(&one, sequence, &old).await.unwrap_err();
            assert_eq!(late.code(), "NOT_ACTIVE", "{name}: {late}");
            assert!(late.is_retryable());
        }
        assert_eq!(stands(&one).await, (3, 6, 3), "{name}");
        assert_eq!(
            add(&one, 3, &newest).await.unwrap(),
            Applied::Before,
            "{name}"
        );
        assert_eq!(add(&one, 4, &newest).await.unwrap(), Applied::Now, "{name}");
        assert_eq!(stands(&two).await, (4, 10, 4), "{name}");
    }
}

#[tokio::test]
async fn from_the_first_look_of_a_new_leader_on_the_old_one_is_kept_out() {
    for (name, clients) in clients(2).await {
        let (one, two) = (book(&clients[0]).await, book(&clients[1]).await);
        let (old, new) = (leader(7), leader(8));
        add(&one, 1, &old).await.unwrap();
        // The new one reads, remembers, and writes nothing.
        let failed = two.apply(2, &new, |_| Err(Failure::new("BROKEN", "not now")));
        assert_eq!(failed.await.unwrap_err().code(), "BROKEN", "{name}");
        let late = add(&one, 2, &old).await.unwrap_err();
        assert_eq!(late.code(), "NOT_ACTIVE", "{name}: {late}");
        add(&two, 2, &new).await.unwrap();
        add(&two, 3, &new).await.unwrap();
        assert_eq!(stands(&two).await, (3, 6, 3), "{name}");
    }
}

#[tokio::test]
async fn a_leadership_that_ends_in_between_writes_nothing() {
    for (name, clients) in clients(1).await {
        let (book, old, new) = (book(&clients[0]).await, leader(7), leader(8));
        add(&book, 1, &old).await.unwrap();
        let lost = book.apply(2, &old, |book| {
            book.add(2);
            old.end();
            Ok(())
        });
        assert_eq!(lost.await.unwrap_err().code(), "NOT_ACTIVE", "{name}");
        assert_eq!(stands(&book).await, (1, 1, 1), "{name}");
        let over = add(&book, 1, &old).await.unwrap_err();
        assert_eq!(over.code(), "NOT_ACTIVE", "{name}: {over}");
        assert_eq!(add(&book, 2, &new).await.unwrap(), Applied::Now, "{name}");
        assert_eq!(stands(&book).await, (2, 3, 2), "{name}");
    }
}

/// Applies all messages in their order; tells how many changed something.
async fn add_all(book: Checkpoint<Book>, last: u64, leader: Arc<TestLeadership>) -> u64 {
    let mut now = 0;
    for sequence in 1..=last {
        let applied = add(&book, sequence, &leader).await.unwrap();
        now += u64::from(applied == Applied::Now);
    }
    now
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_each_message_is_applied_once() {
    const LAST: u64 = 20;
    for (name, clients) in clients(1).await {
        let book = book(&clients[0]).await;
        let leader = Arc::new(leader(7));
        let tasks: JoinSet<u64> = (0..50)
            .map(|_| add_all(book.clone(), LAST, leader.clone()))
            .collect();
        let now = soon("all are done", tasks.join_all()).await;
        assert_eq!(now.iter().sum::<u64>(), LAST, "{name}");
        assert_eq!(stands(&book).await, (LAST, 210, LAST), "{name}");
    }
}

/// Delivers all messages until each is done with, to one leader after the other; tells how many
/// deliveries were dropped.
async fn all_delivered(books: &[Checkpoint<Book>; 2], last: u64, polls: u64) -> u64 {
    let dice = Dice::new(7);
    let (mut leading, mut sequence, mut drops) = (leader(1), 1, 0);
    while sequence <= last {
        if dice.below(8) == 0 {
            leading = leader(leading.epoch() + 1);
        }
        let book = &books[usize::from(leading.epoch() % 2 == 0)];
        let applied = add(book, sequence, &leading);
        match interrupted(dice.below(polls), applied).await {
            Some(applied) => {
                applied.unwrap();
                sequence += 1;
            }
            None => drops += 1,
        }
    }
    drops
}

#[tokio::test]
async fn dropped_anywhere_and_whoever_leads_each_message_is_applied_once() {
    const LAST: u64 = 300;
    for (name, clients) in clients(2).await {
        let books = [book(&clients[0]).await, book(&clients[1]).await];
        let polls = if name == "memory" { 4 } else { 7 };
        let drops = all_delivered(&books, LAST, polls).await;
        let sum = LAST * (LAST + 1) / 2;
        assert_eq!(stands(&books[0]).await, (LAST, sum, LAST), "{name}");
        assert!(drops > LAST / 3, "{name}: only {drops} were dropped");
    }
}

#[tokio::test]
async fn a_write_of_unknown_outcome_that_lands_later_counts_once() {
    let mut server = NatsServer::start().await.unwrap();
    let client = Client::connect(Config::default().url(&server.url())).await;
    let client = client.unwrap();
    let book = client.checkpoint::<Book>("ledger", "main");
    let book = book.within(Duration::from_millis(300)).await.unwrap();
    let leader = leader(7);
    add(&book, 1, &leader).await.unwrap();
    server.pause().await.unwrap();
    let lost = add(&book, 2, &leader).await.unwrap_err();
    assert_eq!(lost.code(), "OUTCOME_UNKNOWN", "{lost}");
    assert!(lost.is_retryable());
    server.resume().unwrap();
    let again = async {
        loop {
            match add(&book, 2, &leader).await {
                Ok(_) => return,
                Err(failure) => assert!(failure.is_retryable(), "{failure}"),
            }
        }
    };
    soon("an answer", again).await;
    assert_eq!(stands(&book).await, (2, 3, 2));
    add(&book, 3, &leader).await.unwrap();
    assert_eq!(stands(&book).await, (3, 6, 3));
}

#[tokio::test]
async fn a_record_of_another_shape_is_left_alone() {
    for (name, clients) in clients(1).await {
        let (book, leader) = (book(&clients[0]).await, leader(7));
        let others = clients[0]
            .bucket("checkpoint_ledger")
            .open::<String>()
            .await;
        let others = others.unwrap();
        others
            .put("main", &"something else".to_owned())
            .await
            .unwrap();
        let failure = add(&book, 1, &leader).await.unwrap_err();
        assert!(!failure.is_retryable(), "{name}: {failure}");
        assert!(
            failure.message().contains("another shape"),
            "{name}: {failure}"
        );
        assert_eq!(others.get("main").await.unwrap().unwrap(), "something else");
    }
}
