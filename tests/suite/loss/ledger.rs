//! The process that handles: each event is an entry in its journal, and perhaps an effect.

use std::sync::OnceLock;

use super::journal::{Journal, Note};
use super::program::Told;
use super::*;

/// The role of this process; its word is its effect.
pub(super) const ROLE: &str = "ledger::books";

/// What an event does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It is noted that it was handled, and nothing else.
    Note,
    /// A key is made in a bucket, which is the id of the event.
    Create,
}

impl Effect {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Create => "create",
        }
    }

    fn read(word: &str) -> Self {
        let all = [Self::Note, Self::Create];
        let found = all.into_iter().find(|effect| effect.word() == word);
        found.unwrap()
    }
}

/// The service.
struct Ledger {
    journal: Journal,
    effect: Effect,
    effects: OnceLock<Bucket<String>>,
}

#[aegis::service(name = "ledger", version = "1.0.0")]
impl Ledger {
    #[on_start]
    async fn open(&self, ctx: &Context) -> Result<(), Failure> {
        let effects = ctx.client().bucket("effects").open().await?;
        let _ = self.effects.set(effects);
        Ok(())
    }

    // What a killed process had is to come again soon. An outage is to give nothing up.
    #[subscribe(
        mode = "compete",
        start = "all",
        ack_wait = "3s",
        retries = 100,
        backoff(first = "50ms", max = "500ms")
    )]
    async fn book(&self, ctx: &Context, placed: Placed) -> Result<(), Failure> {
        let id = placed.id;
        if let Err(failure) = self.act(ctx, &id).await {
            let why = failure.to_string();
            self.journal.write(Note::Failed { id, why });
            return Err(failure);
        }
        let attempt = ctx.event().map_or(0, AnyEvent::attempt);
        self.journal.write(Note::Handled { id, attempt });
        Ok(())
    }
}

impl Ledger {
    async fn act(&self, ctx: &Context, id: &str) -> Result<(), Failure> {
        if self.effect == Effect::Note {
            return Ok(());
        }
        let effects = self.effects.get().unwrap();
        match effects.create(id, &ctx.instance().to_owned()).await {
            Err(error) if error.kind() == ErrorKind::Conflict => {
                let id = id.to_owned();
                self.journal.write(Note::HadEffect { id });
            }
            made => {
                made?;
            }
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the other tests here start and disturb"]
async fn books() {
    let told = Told::read();
    let ledger = Ledger {
        journal: told.journal(),
        effect: Effect::read(&told.word),
        effects: OnceLock::new(),
    };
    // The same after each start.
    let (instance, _) = told.name.rsplit_once('-').unwrap();
    let config = told.config.instance_id(instance);
    let config = config.heartbeat(Duration::from_millis(500));
    App::new(config).service(ledger).run().await.unwrap();
}
