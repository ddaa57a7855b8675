//! A counter that only the leader counts, and the process that serves it.

use std::io::BufRead;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use rustix::process::getpid;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::stall::Stalls;
use super::*;

/// The bucket of the counter.
pub(super) const BOOKS: &str = "books";
/// Its value.
pub(super) const TOTAL: &str = "total";
/// Written first under each leadership: the fence is raised before anything is read.
const TERM: &str = "term";

/// Nothing was counted: another leader has written here.
pub(super) const STALE: &str = "STALE";
/// Nothing was counted: it was not reached.
pub(super) const NOT_READ: &str = "NOT_READ";
/// It may be counted.
const UNSURE: &str = "UNSURE";

/// A value, and who counted it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Added {
    pub(super) value: u64,
    pub(super) by: String,
    pub(super) epoch: u64,
}

/// The service. Its state is in the bucket: what a leader reads after it has raised the fence is
/// what counts, and the accepted write is the act.
#[derive(Clone)]
struct Counter {
    books: Arc<OnceLock<Bucket<u64>>>,
    /// One at a time. The epoch whose last write is known to have ended.
    settled: Arc<tokio::sync::Mutex<Option<u64>>>,
    reporter: Reporter,
    /// Writes are not fenced: such a run must fail.
    unfenced: bool,
    /// Held calls go on when they get one of these.
    goes_on: Arc<Semaphore>,
}

#[aegis::service(
    name = "counter",
    version = "1.0.0",
    group = "main",
    failover = "balanced"
)]
impl Counter {
    #[on_start]
    async fn start(&self, ctx: &Context) -> Result<(), Failure> {
        let books = ctx.client().bucket(BOOKS).open().await?;
        let _ = self.books.set(books);
        Ok(())
    }

    /// Counts one more.
    #[exclusive_rpc(timeout = "2s")]
    async fn add(&self, leader: &Leadership) -> Result<Added, Failure> {
        self.count(leader, std::future::ready(())).await
    }

    /// The same, but for a stop between the decision and the write.
    #[exclusive_rpc(timeout = "30s")]
    async fn add_held(&self, leader: &Leadership) -> Result<Added, Failure> {
        let held = async {
            println!("holding");
            self.goes_on.acquire().await.unwrap().forget();
        };
        self.count(leader, held).await
    }

    #[rpc]
    async fn who(&self, ctx: &Context) -> Result<String, Failure> {
        Ok(ctx.instance().to_owned())
    }

    #[on_leader]
    async fn promoted(&self, leader: &Leadership) -> Result<(), Failure> {
        self.reporter.follow(leader.clone());
        Ok(())
    }

    #[on_standby]
    async fn demoted(&self) {
        self.reporter.over();
    }
}

impl Counter {
    async fn count(
        &self,
        leader: &Leadership,
        held: impl Future<Output = ()>,
    ) -> Result<Added, Failure> {
        let books = self.books.get().unwrap();
        let mut settled = self.settled.lock().await;
        // Whatever goes wrong from here on, also that this call is given up: a write may be on its
        // way still.
        if settled.take() != Some(leader.epoch()) && !self.unfenced {
            let raised = books.put(TERM, &leader.epoch()).fenced(leader).await;
            raised.map_err(|error| self.refused(leader, &error, NOT_READ))?;
        }
        let read = books.get(TOTAL).await;
        let value = read.map_err(|error| Failure::new(NOT_READ, error.to_string()))?;
        let value = value.unwrap_or(0) + 1;
        held.await;
        let put = books.put(TOTAL, &value);
        let put = if self.unfenced {
            put
        } else {
            put.fenced(leader)
        };
        let asked = now();
        put.await
            .map_err(|error| self.refused(leader, &error, UNSURE))?;
        let epoch = leader.epoch();
        self.reporter.recorder.write(What::Act {
            epoch,
            value,
            key: String::new(),
            asked,
        });
        *settled = Some(epoch);
        let by = leader.instance().to_owned();
        Ok(Added { value, by, epoch })
    }

    fn refused(
        &self,
        leader: &Leadership,
        error: &aegis::Error,
        otherwise: &'static str,
    ) -> Failure {
        if error.kind() != ErrorKind::NotActive {
            return Failure::new(otherwise, error.to_string());
        }
        let epoch = leader.epoch();
        self.reporter.recorder.write(What::Refused { epoch });
        Failure::new(STALE, error.to_string())
    }
}

/// Says who leads, until when.
#[derive(Clone)]
struct Reporter {
    recorder: Recorder,
    /// What is led. Held while a line is made: nothing is said of a leadership that is over.
    epoch: Arc<Mutex<Option<u64>>>,
}

impl Reporter {
    /// How often an extension is looked for: a tenth of the time between two.
    const OFTEN: Duration = Duration::from_millis(18);

    /// Reports for as long as the lease is valid.
    fn follow(&self, leader: Leadership) {
        *self.epoch.lock().unwrap() = Some(leader.epoch());
        let reporter = self.clone();
        tokio::spawn(async move {
            while reporter.report(&leader) {
                tokio::select! {
                    () = tokio::time::sleep(Self::OFTEN) => {}
                    () = leader.lost() => {}
                }
            }
        });
    }

    fn report(&self, leader: &Leadership) -> bool {
        let mut current = self.epoch.lock().unwrap();
        let epoch = leader.epoch();
        if *current != Some(epoch) {
            return false;
        }
        // First the time: a stop between the two makes the lease look shorter, never longer.
        let at = now();
        let left = leader.left();
        if left.is_zero() {
            *current = None;
            self.recorder.write(What::Over { epoch });
            return false;
        }
        let until = at + u64::try_from(left.as_nanos()).unwrap();
        self.recorder.write_at(at, What::Lead { epoch, until });
        true
    }

    /// The gate is closed, and the lease is not given up yet.
    fn over(&self) {
        let mut current = self.epoch.lock().unwrap();
        if let Some(epoch) = current.take() {
            self.recorder.write(What::Over { epoch });
        }
    }
}

/// What the process is told by whoever starts it, as text in the environment.
pub(super) const SETTINGS: [&str; 4] = [
    "AEGIS_TEST_URL",
    "AEGIS_TEST_ID",
    "AEGIS_TEST_FOLDER",
    "AEGIS_TEST_UNFENCED",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the other tests here start and disturb"]
async fn counts() {
    let [url, id, folder, unfenced] = SETTINGS.map(|name| std::env::var(name).unwrap());
    let folder = Path::new(&folder);
    log_to(&folder.join(format!("{id}-{}.log", getpid().as_raw_nonzero())));
    let goes_on = Arc::new(Semaphore::new(0));
    go_on_when_told(goes_on.clone());
    let recorder = Recorder::create(&folder.join("history"), &id);
    let _stalls = Stalls::watch(recorder.clone());
    let counter = Counter {
        books: Arc::default(),
        settled: Arc::default(),
        reporter: Reporter {
            recorder,
            epoch: Arc::default(),
        },
        unfenced: !unfenced.is_empty(),
        goes_on,
    };
    let config = Config::default().url(&url).instance_id(&id);
    let config = config.heartbeat(Duration::from_millis(500));
    App::new(config).service(counter).run().await.unwrap();
}

fn log_to(file: &Path) {
    let file = std::fs::File::create(file).unwrap();
    let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(file);
    lines
        .with_max_level(tracing::Level::DEBUG)
        .with_env_filter("info,aegis=debug")
        .init();
}

/// Each line of the input lets one held call go on. The process ends with its starter.
fn go_on_when_told(goes_on: Arc<Semaphore>) {
    std::thread::spawn(move || {
        for _ in std::io::stdin().lock().lines().map_while(Result::ok) {
            goes_on.add_permits(1);
        }
        std::process::exit(1);
    });
}

pub(super) use CounterClient as Calls;
