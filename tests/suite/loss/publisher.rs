//! The process that publishes: as many events as it is told to, many on their way at once. What was
//! not published is published again, under its own id.

use super::*;

/// The role of this process; its word is how many milliseconds an event may take.
pub(super) const ROLE: &str = concat!(module_path!(), "::publishes");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the other tests here start and disturb"]
async fn publishes() {
    let mut told = Told::read();
    let within = Duration::from_millis(told.word.parse().unwrap());
    let client = Client::connect(told.config.clone()).await.unwrap();
    let mut next = 0;
    // A zero is the end.
    while let Some(more @ 1..) = told.numbers.recv().await {
        let new = (next..next + more).map(|number| Placed {
            id: format!("{}-{number}", told.name),
        });
        let mut left: Vec<Placed> = new.collect();
        next += more;
        while !left.is_empty() {
            let all = client.publish_all(&left).id_of(|event| event.id.clone());
            let published = all.within(within).await;
            let outcomes = left.into_iter().zip(published.outcomes());
            let failed = outcomes.filter_map(|(event, outcome)| {
                let id = event.id.clone();
                told.note(noted(id, outcome.as_ref()));
                outcome.is_err().then_some(event)
            });
            left = failed.collect();
        }
    }
}

fn noted(id: String, outcome: std::result::Result<&aegis::Published, &aegis::Error>) -> Note {
    match outcome {
        Ok(published) => Note::Published {
            id,
            sequence: published.sequence(),
            duplicate: published.is_duplicate(),
        },
        Err(error) => Note::Unpublished {
            id,
            kind: format!("{:?}", error.kind()),
            was_sent: error.was_sent(),
        },
    }
}
