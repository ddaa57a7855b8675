//! Effects that are to happen once for an id. `open` says which inbox and how, `effect` is one
//! effect before it runs, `attempt` gets the right to run it, `claim` is that right, `record` reads
//! and writes what stands under an id. What follows from it is decided in `model`.

mod attempt;
mod claim;
mod effect;
mod open;
mod record;

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::bucket::Bucket;
use crate::model::{EFFECT_RUNNING, EffectRecord};

pub use effect::{Effect, Once};
pub use open::OpenInbox;

/// Makes effects happen once for an id, such as that of an event: cheap to clone, safe to share.
///
/// Events are delivered at least once. A handler that calls something outside (sends a mail, places
/// an order elsewhere) does it inside [`once`](Self::once), and the second delivery does nothing.
///
/// ```
/// # #[derive(Clone, Default)]
/// # struct Bank(std::sync::Arc<std::sync::Mutex<Vec<String>>>);
/// # impl Bank {
/// #     async fn find(&self, id: &str) -> Result<bool, Failure> {
/// #         Ok(self.0.lock().unwrap().iter().any(|known| known == id))
/// #     }
/// #     async fn pay(&self, id: &str) -> Result<(), Failure> {
/// #         self.0.lock().unwrap().push(id.to_owned());
/// #         Ok(())
/// #     }
/// # }
/// use aegis::{Client, Config, Failure, Inbox, Once};
///
/// async fn bill(inbox: &Inbox, bank: &Bank, event: &str) -> Result<(), Failure> {
///     let paid = inbox
///         .once(event)
///         .resolve(|| async { bank.find(event).await })
///         .run(|| async { bank.pay(event).await });
///     match paid.await? {
///         Once::Done(()) => println!("paid"),
///         Once::Before => println!("was paid before"),
///     }
///     Ok(())
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::connect(Config::default().url("memory://inbox-example")).await?;
/// let inbox = client.inbox("billing").open().await?;
/// # let bank = Bank::default();
/// # for _ in 0..2 { bill(&inbox, &bank, "event-7").await.unwrap(); }
/// # assert_eq!(bank.0.lock().unwrap().len(), 1);
/// # Ok(())
/// # }
/// ```
///
/// # What is guaranteed
///
/// A record under the id says that an attempt has begun, before the effect runs, and that it is
/// done, after. Both are conditional writes that one writer alone wins.
///
/// * **Done is done.** Once the record says so, [`Once::Before`] is the answer and nothing runs,
///   for as long as the record lives.
/// * **With [`resolve`](Effect::resolve): exactly once, if it can tell**, also against a process
///   that is killed at any point, a future that is dropped, a panic, and an effect that fails and
///   has happened all the same (a call whose answer was lost). Whoever finds a record that is begun
///   and not done asks it, and runs the effect only if it says no.
/// * **Without: at least once.** An attempt that was interrupted runs again, although its effect
///   may have happened; one that failed runs again as well.
/// * **Of healthy processes one runs at a time.** While the effect runs its record is renewed, and
///   others get a [`RUNNING`](Self::RUNNING) failure. A record that stands still for the
///   [patience](OpenInbox::patience) is taken over.
///
/// **What remains.** A process that was frozen, or cut off from NATS, for longer than the patience
/// wakes up in the middle of its effect, and does not know that another one has taken over; and a
/// request of a killed process may still be on its way to whom it was for, who then truly says that
/// nothing has happened yet. Only an effect with a condition of its own closes both: `create` or a
/// fenced write in a bucket, a unique key in a table, an idempotency key of the other side. The one
/// that lost its record says [`TWICE`](Self::TWICE).
///
/// **Time to live.** The record must outlive the last delivery of the event, and everybody who
/// publishes it again: a later one runs as if it were the first. The time counts from when the
/// effect was done.
///
/// **Room.** A full inbox forgets nothing: it refuses with `OVERLOADED` before the effect runs. For
/// the last one that ran there may be no room to record that it is done (`OUTCOME_UNKNOWN`), and
/// that one is asked for again. So set [`max_bytes`](OpenInbox::max_bytes) for twice what you expect.
#[derive(Clone)]
pub struct Inbox {
    shared: Arc<Shared>,
}

struct Shared {
    records: Bucket<EffectRecord>,
    /// Random: tells what this inbox began from what others did.
    nonce: String,
    instance: String,
    patience: Duration,
    /// The ids that are under way here.
    running: Mutex<HashSet<String>>,
}

impl Shared {
    fn running<T>(&self, work: impl FnOnce(&mut HashSet<String>) -> T) -> T {
        work(&mut self.running.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("bucket", &self.shared.records.name())
            .field("patience", &self.shared.patience)
            .finish_non_exhaustive()
    }
}

impl Inbox {
    /// The code of the failure that says that nothing ran, because another attempt is at it.
    /// Retryable after the [patience](OpenInbox::patience): the event is to come again, and most often
    /// finds it done. A handler for events does not give it up for that before ten deliveries more
    /// than it has attempts.
    pub const RUNNING: &'static str = EFFECT_RUNNING;

    /// The code of the failure that says that the effect ran here, and may run elsewhere as well,
    /// because the record was taken over meanwhile, or is gone. Retryable: the event may come again
    /// and finds out.
    pub const TWICE: &'static str = "EFFECT_TWICE";

    /// The effect of an id, to be run: any text of at most 2,048 bytes in its encoded form. That of an
    /// event is its [`key`](crate::AnyEvent::key), as events of two names may have one `id()`.
    pub fn once<'a>(&self, id: &str) -> Effect<'a> {
        Effect::new(self.shared.clone(), id)
    }

    /// The bucket's name on the server, with the prefix of the client.
    pub fn name(&self) -> &str {
        self.shared.records.name()
    }
}
