//! The process that handles: each event is an entry in its journal, and perhaps an effect.

use std::sync::OnceLock;

use super::*;

/// The role of this process; its word is its effect.
pub(super) const ROLE: &str = concat!(module_path!(), "::books");

/// What an event does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It is noted that it was handled, and nothing else.
    Note,
    /// A key is made in a bucket, which is the id of the event.
    Create,
    /// A value is put there under it, whatever was there, inside an inbox.
    Once,
}

impl Effect {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Create => "create",
            Self::Once => "once",
        }
    }

    fn read(word: &str) -> Self {
        let all = [Self::Note, Self::Create, Self::Once];
        let found = all.into_iter().find(|effect| effect.word() == word);
        found.unwrap()
    }
}

/// The service.
struct Ledger {
    journal: Journal,
    effect: Effect,
    stores: OnceLock<(Bucket<String>, Inbox)>,
}

#[aegis::service(name = "ledger", version = "1.0.0")]
impl Ledger {
    #[on_start]
    async fn open(&self, ctx: &Context) -> Result<(), Failure> {
        let client = ctx.client();
        let effects = client.bucket("effects").open().await?;
        let inbox = client.inbox("ledger").open().await?;
        let _ = self.stores.set((effects, inbox));
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
        let (effects, inbox) = self.stores.get().unwrap();
        let by = ctx.instance().to_owned();
        let is_first = match self.effect {
            Effect::Note => true,
            Effect::Create => match effects.create(id, &by).await {
                Err(error) if error.kind() == ErrorKind::Conflict => false,
                made => made.map(|_| true)?,
            },
            Effect::Once => {
                let once = inbox.once(id).resolve(|| async {
                    let there = effects.exists(id).await?;
                    Ok(there)
                });
                let put = once.run(|| async {
                    effects.put(id, &by).await?;
                    Ok(())
                });
                matches!(put.await?, Once::Done(()))
            }
        };
        if !is_first {
            let id = id.to_owned();
            self.journal.write(Note::HadEffect { id });
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
        stores: OnceLock::new(),
    };
    // The same after each start.
    let (instance, _) = told.name.rsplit_once('-').unwrap();
    let config = told.config.instance_id(instance);
    let config = config.heartbeat(Duration::from_millis(500));
    App::new(config).service(ledger).run().await.unwrap();
}
