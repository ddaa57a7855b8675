//! The process that sends: as many commands as it is told to, many on their way at once, and waits
//! for what comes of each.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::mill::MillClient;
use super::*;

/// The role of this process; its word is how many milliseconds a command may take to be sent.
pub(super) const ROLE: &str = concat!(module_path!(), "::sends");
/// So many are sent at once.
const AT_ONCE: usize = 16;
/// What is withdrawn was to begin so much later.
const LATER: Duration = Duration::from_secs(3600);

struct Sender {
    told: Told,
    within: Duration,
    client: Client,
    room: Semaphore,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the other tests here start"]
async fn sends() {
    let mut told = Told::read();
    let within = Duration::from_millis(told.word.parse().unwrap());
    let client = Client::connect(told.config.clone()).await.unwrap();
    let (_, none) = tokio::sync::mpsc::unbounded_channel();
    let mut numbers = std::mem::replace(&mut told.numbers, none);
    let sender = Arc::new(Sender {
        told,
        within,
        client,
        room: Semaphore::new(AT_ONCE),
    });
    let (mut next, mut all) = (0, JoinSet::new());
    // A zero is the end.
    while let Some(more @ 1..) = numbers.recv().await {
        for number in next..next + more {
            let sender = sender.clone();
            all.spawn(async move { sender.follow(number).await });
        }
        next += more;
    }
    all.join_all().await;
}

impl Sender {
    /// Sends one and waits for its end. Nothing else is known of one that was not sent for certain.
    async fn follow(&self, number: usize) {
        let name = plan::name(&self.told.name, number);
        let plan = Plan::of(&name);
        let room = self.room.acquire().await.unwrap();
        let Some(job) = self.send(&name, number).await else {
            return;
        };
        if number % 8 == 1 {
            self.send(&name, number).await;
        }
        if matches!(plan, Plan::Withdrawn | Plan::Raced) {
            self.cancel(&job).await;
        }
        drop(room);
        let heard = job.result().await.map_err(|error| match error {
            CallError::Failed(error) => error.kind().name().to_owned(),
            CallError::Service(failure) => failure.code().to_owned(),
        });
        let record = self.record(&job).await;
        self.told.note(Note::Heard {
            job: job.id().to_owned(),
            heard,
            record,
        });
    }

    /// Sends it, again only if that is safe.
    async fn send(&self, name: &str, number: usize) -> Option<aegis::Job<String>> {
        let mill = MillClient::from(&self.client);
        let plan = Plan::of(name);
        let is_keyed = plan::is_keyed(name);
        loop {
            let mut command = match plan {
                Plan::Spoiled => mill.spoil(name.to_owned()),
                _ => mill.grind(name.to_owned()),
            };
            command = command.priority(plan::priority(number)).within(self.within);
            if is_keyed {
                command = command.idempotency_key(name);
            }
            if plan == Plan::Withdrawn {
                command = command.delay(LATER);
            }
            let name = name.to_owned();
            let error = match command.send().await {
                Ok(job) => {
                    self.told.note(Note::Sent {
                        name,
                        job: job.id().to_owned(),
                        is_new: job.is_new(),
                    });
                    return Some(job);
                }
                Err(error) => error,
            };
            let was_sent = error.was_sent();
            self.told.note(Note::Unsent {
                name,
                kind: format!("{:?}", error.kind()),
                was_sent,
            });
            if was_sent && !is_keyed {
                return None;
            }
        }
    }

    async fn cancel(&self, job: &aegis::Job<String>) {
        let status = loop {
            match job.cancel().await {
                Ok(status) => break status,
                Err(error) => assert_passing(&error),
            }
        };
        self.told.note(Note::Cancelled {
            job: job.id().to_owned(),
            state: status.state,
        });
    }

    async fn record(&self, job: &aegis::Job<String>) -> serde_json::Value {
        loop {
            match job.status().await {
                Ok(status) => return serde_json::to_value(status).unwrap(),
                Err(error) => assert_passing(&error),
            }
        }
    }
}

fn assert_passing(error: &aegis::Error) {
    let passing = [ErrorKind::Timeout, ErrorKind::Disconnected];
    assert!(passing.contains(&error.kind()), "{error}");
}
