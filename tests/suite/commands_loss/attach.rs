//! A sender that is gone: whoever knows the id of its job goes on where it was.

use std::sync::Arc;

use aegis::testing::{NatsServer, TestApp};
use tokio::sync::Semaphore;

use super::*;

const SENDER: &str = concat!(module_path!(), "::sends_and_waits");
const READER: &str = concat!(module_path!(), "::reads_what_another_sent");

/// Reports a step for each permit, and has three.
struct Steps(Arc<Semaphore>);

#[aegis::service(name = "steps", version = "1.0.0")]
impl Steps {
    #[command]
    async fn walk(&self, progress: &Progress, name: String) -> Result<String, Failure> {
        for step in [25.0, 50.0, 75.0] {
            self.0.acquire().await?.forget();
            progress.report(step, &name).await?;
        }
        self.0.acquire().await?.forget();
        Ok(format!("{name} has arrived"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the test here starts and kills"]
async fn sends_and_waits() {
    let told = Told::read();
    let client = Client::connect(told.config.clone()).await.unwrap();
    let name = told.word.clone();
    let job = StepsClient::from(&client).walk(name.clone()).send().await;
    let job = job.unwrap();
    told.note(Note::Sent {
        name,
        job: job.id().to_owned(),
        is_new: job.is_new(),
    });
    panic!("nobody killed it: {:?}", job.result().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the test here starts"]
async fn reads_what_another_sent() {
    let told = Told::read();
    let client = Client::connect(told.config.clone()).await.unwrap();
    let job = client.command(&told.word).returning::<String>();
    let mut updates = job.progress();
    while let Some(status) = updates.next().await {
        told.note(Note::Saw {
            record: serde_json::to_value(status.unwrap()).unwrap(),
        });
    }
    told.note(Note::Heard {
        job: job.id().to_owned(),
        heard: job.result().await.map_err(|error| error.to_string()),
        record: serde_json::to_value(job.status().await.unwrap()).unwrap(),
    });
}

/// Waits until a process has noted something.
async fn noted<T>(
    what: &str,
    program: &mut Program,
    mut found: impl FnMut(&Note) -> Option<T>,
) -> T {
    let noted = async {
        loop {
            program.has_ended();
            program.journal.read_on();
            let mut lines = program.journal.lines().iter();
            if let Some(found) = lines.find_map(|line| found(&line.note)) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(what, noted).await
}

/// Waits until it has seen so much of the way.
async fn saw(reader: &mut Program, percent: f64) {
    let is_there = |note: &Note| match note {
        Note::Saw { record } => (record["progress"]["percent"] == percent).then_some(()),
        _ => None,
    };
    noted(&format!("{percent} %"), reader, is_there).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_sender_sent_is_followed_by_another_process() {
    let _turn = turn().await;
    let server = NatsServer::start().await.unwrap();
    let pace = Arc::new(Semaphore::new(0));
    let app = TestApp::new().on_nats(&server.url());
    let app = app.service(Steps(pace.clone())).start().await.unwrap();
    let folder = Folder::new("attach");
    let url = server.url();
    let place = (&*url, folder.path());
    let mut sender = Program::start(SENDER, place, "sender", "she");
    let job = noted("the id of a job", &mut sender, |note| match note {
        Note::Sent { job, .. } => Some(job.clone()),
        _ => None,
    });
    let job = job.await;
    sender.kill();
    pace.add_permits(1);
    let mut reader = Program::start(READER, place, "reader", &job);
    for percent in [25.0, 50.0, 75.0] {
        saw(&mut reader, percent).await;
        pace.add_permits(1);
    }
    let heard = noted("the end of the job", &mut reader, |note| match note {
        Note::Heard { heard, record, .. } => Some((heard.clone(), record.clone())),
        _ => None,
    });
    let (heard, record) = heard.await;
    assert_eq!(heard.as_deref(), Ok("she has arrived"));
    assert_eq!(
        (&record["state"], &record["attempt"]),
        (&"SUCCEEDED".into(), &1.into())
    );
    let ended = async {
        while !reader.has_ended() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon("the end of the reader", ended).await;
    app.stop().await.unwrap();
}
