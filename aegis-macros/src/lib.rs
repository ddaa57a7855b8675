//! Macros of aegis: an `impl` block becomes a service, a trait becomes a client.
//!
//! One direction: `parse` reads tokens into `model`, `validate` judges it, `expand` writes it down.
//! Every mistake of an item is reported in one compile; then `fallback` keeps the item alive.
//!
//! The crate `aegis` re-exports all of these: use them from there.

mod diag;
mod expand;
mod failover;
mod fallback;
#[expect(
    dead_code,
    reason = "the file is shared with `aegis`, which uses it all"
)]
mod grammar;
mod model;
mod parse;
mod run;
#[cfg(test)]
mod tests;
mod validate;

use proc_macro::TokenStream;

/// Turns an inherent `impl` block into a service.
///
/// Required: `name = "calculator"` and `version = "1.0.0"` (semver). Optional: `description = ".."`
/// (default: the doc comment of the block), `metadata(team = "core")`, and two for work that only a
/// leader may do:
///
/// * `group = "main"` (the default): the instances with one name and one group have one leader.
/// * `failover`: how soon another instance leads when the leader is lost. `"aggressive"`,
///   `"balanced"` (the default), `"conservative"` or `"ride-through"`, see `aegis::Failover`; or
///   numbers of your own, `failover(lease = "600ms", margin = "100ms", renew = "120ms")`. What no
///   leader could keep does not compile.
///
/// Inside the block, `#[rpc]`, `#[exclusive_rpc]`, `#[subscribe]` and `#[command]` mark handlers,
/// `#[on_start]`, `#[on_stop]`, `#[on_leader]`, `#[on_standby]` and `#[health]` mark hooks;
/// everything else stays untouched. What a handler borrows comes from the framework, what it owns
/// comes from the wire. A client named like the type (`CalculatorClient`) is generated beside the
/// block: it makes the calls and sends the commands.
///
/// ```text
/// #[aegis::service(name = "calculator", version = "1.0.0")]
/// impl Calculator {
///     /// Adds two numbers.
///     #[rpc(timeout = "2s", idempotent)]
///     async fn add(&self, a: i64, b: i64) -> Result<i64, Failure> {
///         Ok(a + b)
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn service(args: TokenStream, item: TokenStream) -> TokenStream {
    run::service(args.into(), &item.into(), &expand::Aegis::find()).into()
}

/// Turns a trait into a typed client of a service written elsewhere.
///
/// Required: `service = "pricing"`. Optional: the flag `envelope`, for a peer that expects the
/// request envelope. A method may carry `#[rpc(name = "..", timeout = "2s", idempotent)]`, or
/// `#[exclusive_rpc(..)]` with the same options if only the service's leader runs it. A method with
/// `#[command]` or `#[command(name = "..")]` sends a command instead of a call.
///
/// ```text
/// #[aegis::client(service = "pricing")]
/// trait Pricing {
///     async fn quote(&self, sku: String) -> Result<Quote, Failure>;
/// }
/// // let quote = PricingClient::new(&client).quote(sku).await?;
/// ```
#[proc_macro_attribute]
pub fn client(args: TokenStream, item: TokenStream) -> TokenStream {
    run::client(args.into(), &item.into(), &expand::Aegis::find()).into()
}

/// Runs an `async fn main` on the runtime of aegis.
///
/// The one argument decides what is built first: an `App`, a `Client` or a `Config`. An error
/// becomes a readable chain on standard error and a non-zero exit code.
///
/// ```text
/// #[aegis::main]
/// async fn main(app: App) -> Result<()> {
///     app.service(Calculator).run().await
/// }
/// ```
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    run::main(&args.into(), &item.into(), &expand::Aegis::find()).into()
}

/// Marks a handler inside a block with `#[aegis::service(..)]`.
///
/// Options: `name = ".."` (default: the name of the method), `timeout = "2s"`, `idempotent` (a
/// caller may retry), `concurrency = 8` (calls at once), `queue = 16` (calls that may wait beyond).
///
/// ```text
/// #[rpc(name = "sum", timeout = "2s", idempotent, concurrency = 8, queue = 16)]
/// async fn add(&self, ctx: &Context, a: i64, b: i64) -> Result<i64, Failure> { .. }
/// ```
#[proc_macro_attribute]
pub fn rpc(_args: TokenStream, item: TokenStream) -> TokenStream {
    run::outside("rpc", &item.into()).into()
}

/// Marks a handler that only the leader runs: of all instances of the service, one at a time.
///
/// Options: those of `#[rpc]`. It may borrow `&Leadership` besides `&Context`: its `epoch()` is the
/// fencing token to hand to whatever is written. The group and the failover are options of
/// `#[aegis::service(..)]`.
///
/// ```text
/// #[exclusive_rpc(timeout = "2s")]
/// async fn post(&self, leader: &Leadership, entry: Entry) -> Result<u64, Failure> { .. }
/// ```
#[proc_macro_attribute]
pub fn exclusive_rpc(_args: TokenStream, item: TokenStream) -> TokenStream {
    run::outside("exclusive_rpc", &item.into()).into()
}

/// Marks a handler for events inside a block with `#[aegis::service(..)]`.
///
/// It owns one argument, the event: a type with `#[derive(aegis::Event)]`, an enum of several with
/// `#[derive(aegis::Events)]`, or `AnyEvent`. It may borrow `&Context`, and `&Leadership` with
/// `mode = "exclusive"`. It returns a `Result<(), E>`, where `E` is `Failure`, an error with
/// `#[derive(aegis::Failure)]`, or any `std::error::Error`: after `Ok(())` the event is done with,
/// after an error it is tried again later, until it is given up.
///
/// First, where the type does not say which events it can be, and else optional: a pattern for
/// their names, such as `"orders.*"` (`*` is any token, `>` at the end all that follow; without the
/// `events.` of the subject). It must match every name that the type can have; what it matches
/// beyond them is not delivered.
///
/// Required is `mode`, which instances get an event:
///
/// * `"compete"`: any one of them, whichever has time.
/// * `"broadcast"`: each of them.
/// * `"exclusive"`: only the leader, in order, one at a time. The group and the failover are
///   options of `#[aegis::service(..)]`.
///
/// Optional:
///
/// * `start = "new"` (the default) or `"all"`: a handler without a place in the stream begins with
///   what is published from then on, or with the oldest event that the stream holds.
/// * `retries = 5` (0 to 1000, default 5): how often an event is tried again before it is given up.
/// * `backoff = "1s"` (1 ms to 1 h, default 1 s): the wait before the first repetition. It doubles
///   each time, up to 60 s, or to itself if that is longer; `backoff(first = "1s", max = "60s")`
///   says both.
/// * `ack_wait = "30s"` (1 s to 1 h, default 30 s): an event whose instance gives no sign of life for
///   so long is handed to another one. A handler may run longer.
/// * `timeout = "10s"` (1 ms to 1 h, default none): an attempt that takes longer is ended, and the
///   event is tried again later, as after an error.
/// * `concurrency = 64` (1 or more, default 64): how many events one instance works on at once; not
///   with `mode = "exclusive"`.
/// * `durable`, for `mode = "broadcast"` only: an instance that was away goes on where it left. In
///   the other modes a handler always does.
/// * `exactly`: the server confirms each acknowledgement, which costs a round trip.
/// * `name = "bill"` (default: the name of the method). It names the handler's place in the stream,
///   the durable consumer `{service}__{name}`: a handler with another name, of the method or given
///   here, begins anew, as `start` says, and the old place stays behind.
///
/// Several handlers with one pattern get every event each.
///
/// ```text
/// #[subscribe(mode = "compete", retries = 5, backoff = "1s")]
/// async fn bill(&self, ctx: &Context, event: OrderCreated) -> Result<(), Failure> { .. }
///
/// #[subscribe("audit.>", mode = "exclusive", start = "all")]
/// async fn book(&self, leader: &Leadership, event: AnyEvent) -> Result<(), Failure> { .. }
/// ```
#[proc_macro_attribute]
pub fn subscribe(_args: TokenStream, item: TokenStream) -> TokenStream {
    run::outside("subscribe", &item.into()).into()
}

/// Marks a handler for commands inside a block with `#[aegis::service(..)]`: work that is queued,
/// done by any one instance, and tried again until it is done or given up.
///
/// Who sends a command need not wait for it, and can ask for its result later. What the handler
/// owns comes from the wire, as with `#[rpc]`: up to 12 arguments by name, or one `Params<T>`. It
/// may borrow `&Context`, and `&Progress` to say how far it is. It returns a `Result<T, E>`, where
/// `E` is `Failure` or an error with `#[derive(aegis::Failure)]`. It can run more than once for one
/// command: an instance may be lost after the work is done and before that is known.
///
/// All options are optional; what is not said is as `aegis::CommandHandler` says:
///
/// * `retries = 3` (0 to 1000, default 3): how often a command is tried again before it is given
///   up.
/// * `backoff = "1s"` (1 ms to 1 h): the wait before the first repetition. It doubles each time, up
///   to 60 s, or to itself if that is longer; `backoff(first = "1s", max = "60s")` says both.
/// * `timeout = "5m"` (1 ms to 7 days): an attempt that takes longer is ended, and the command is
///   tried again later, as after an error.
/// * `ack_wait = "30s"` (1 s to 1 h): a command whose instance gives no sign of life for so long is
///   handed to another one. A handler may run longer.
/// * `concurrency = 8` (1 or more): how many of these commands one instance works on at once.
/// * `name = "import"` (default: the name of the method). It names the command on the wire: what
///   was queued under another name is not done by this handler.
///
/// The generated client has a method of the handler's name, which takes what the handler owns;
/// `.send().await` returns when the command is queued.
///
/// In a trait with `#[aegis::client(..)]` it marks a command of a service written elsewhere. There
/// it takes `name` and nothing else: the rest is up to that service.
///
/// ```text
/// #[command(retries = 3, timeout = "5m", concurrency = 8)]
/// async fn import(&self, progress: &Progress, url: String) -> Result<Report, Failure> { .. }
/// // let job = ImporterClient::new(&client).import(url).priority(Priority::High).send().await?;
/// ```
#[proc_macro_attribute]
pub fn command(_args: TokenStream, item: TokenStream) -> TokenStream {
    run::outside("command", &item.into()).into()
}

/// Marks the hook that runs when the instance has become the leader, before it takes the first
/// exclusive call; an error hands the leadership to another instance.
///
/// It may borrow `&Context` and `&Leadership`, and returns what `#[on_start]` returns: a
/// `Result<(), E>`, where `E` is `Failure`, an error with `#[derive(aegis::Failure)]`, or any
/// `std::error::Error`.
///
/// ```text
/// #[on_leader]
/// async fn promoted(&self, leader: &Leadership) -> Result<(), Failure> { .. }
/// ```
#[proc_macro_attribute]
pub fn on_leader(_args: TokenStream, item: TokenStream) -> TokenStream {
    run::outside("on_leader", &item.into()).into()
}

/// Marks the hook that runs when the instance does not lead any more; it returns nothing.
///
/// Another instance may lead by then: what only a leader may do has no place in it.
///
/// ```text
/// #[on_standby]
/// async fn demoted(&self) { .. }
/// ```
#[proc_macro_attribute]
pub fn on_standby(_args: TokenStream, item: TokenStream) -> TokenStream {
    run::outside("on_standby", &item.into()).into()
}

/// Marks the hook that runs before a service accepts calls; an error stops the start.
///
/// It returns a `Result<(), E>`, where `E` is `Failure`, an error with `#[derive(aegis::Failure)]`, or
/// any `std::error::Error`.
///
/// ```text
/// #[on_start]
/// async fn warm_up(&self, ctx: &Context) -> Result<(), Failure> { .. }
/// ```
#[proc_macro_attribute]
pub fn on_start(_args: TokenStream, item: TokenStream) -> TokenStream {
    run::outside("on_start", &item.into()).into()
}

/// Marks the hook that runs after a service has answered its last call; it returns nothing.
///
/// ```text
/// #[on_stop]
/// async fn flush(&self) { .. }
/// ```
#[proc_macro_attribute]
pub fn on_stop(_args: TokenStream, item: TokenStream) -> TokenStream {
    run::outside("on_stop", &item.into()).into()
}

/// Inside `#[aegis::service]`: says with every heartbeat whether the service can do its work. What
/// it says stands in the registry; an unhealthy instance is not chosen any more.
///
/// It returns `aegis::Health` or a `Result<(), E>`, and must be quick: one that does not end before
/// the next heartbeat is unhealthy.
///
/// ```text
/// #[health]
/// async fn health(&self) -> Health { .. }
/// ```
#[proc_macro_attribute]
pub fn health(_args: TokenStream, item: TokenStream) -> TokenStream {
    run::outside("health", &item.into()).into()
}

/// Makes an enum or a struct a domain error that is typed on both ends of a call.
///
/// The type also needs `Display`, `Serialize` and `DeserializeOwned`. A variant may carry
/// `#[failure(code = "ORDER_NOT_FOUND", retryable, status = 404)]`; the default code is its name in
/// `SCREAMING_SNAKE_CASE`.
///
/// ```text
/// #[derive(Debug, thiserror::Error, Serialize, Deserialize, aegis::Failure)]
/// enum OrderError {
///     #[error("out of stock: {sku}")]
///     #[failure(code = "OUT_OF_STOCK", retryable)]
///     OutOfStock { sku: String },
/// }
/// ```
#[proc_macro_derive(Failure, attributes(failure))]
pub fn failure(item: TokenStream) -> TokenStream {
    run::failure(item.into(), &expand::Aegis::find()).into()
}

/// Makes a struct or an enum a type of event, which can be published and subscribed to.
///
/// `#[event(..)]` says its name, `domain.type` (two or more tokens, each a letter and then letters,
/// digits, `_` or `-`), and optionally the `version` of its body (default `1.0`; 1 to 64
/// characters). It travels on `events.{domain}.{type}`. The type also needs `Serialize` and
/// `DeserializeOwned`, and has no type parameters.
///
/// ```text
/// #[derive(Debug, Serialize, Deserialize, aegis::Event)]
/// #[event("orders.created", version = "1.1")]
/// struct OrderCreated { id: String }
/// ```
#[proc_macro_derive(Event, attributes(event))]
pub fn event(item: TokenStream) -> TokenStream {
    run::event(item.into(), &expand::Aegis::find()).into()
}

/// Makes an enum a choice of events, so that one handler can take several types.
///
/// Each variant holds one type with `#[derive(aegis::Event)]`. One may be marked with
/// `#[events(other)]` and hold `AnyEvent`: it takes whatever else comes, and its handler needs a
/// pattern. Without it, an event that no variant holds is given up at once.
///
/// ```text
/// #[derive(Debug, aegis::Events)]
/// enum OrderEvent {
///     Created(OrderCreated),
///     Cancelled(OrderCancelled),
///     #[events(other)]
///     Other(AnyEvent),
/// }
/// ```
#[proc_macro_derive(Events, attributes(events))]
pub fn events(item: TokenStream) -> TokenStream {
    run::events(item.into(), &expand::Aegis::find()).into()
}
