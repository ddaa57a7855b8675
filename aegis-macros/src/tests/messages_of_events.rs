//! The same for handlers of events.

use super::messages::{Row, check, in_service};
use super::{errors, expanded};

const MODES: &str = "`compete` (any one instance), `broadcast` (each single instance) or \
                     `exclusive` (only the leader)";
const OPTIONS: &str = "`mode`, `name`, `start`, `retries`, `backoff`, `ack_wait`, `timeout`, \
                       `concurrency`, `durable`, `exactly`";

fn with_options(options: &str) -> String {
    let method = "async fn bill(&self, event: AnyEvent) -> Result<(), Failure> {}";
    in_service(&format!("#[subscribe{options}] {method}"))
}

#[test]
fn options_of_a_subscription() {
    let rows: &[Row] = &[
        (r#"("orders.*", mode = "compete")"#, &[]),
        (
            r#"("orders.>", mode = "broadcast", start = "all", retries = 0, backoff = "1ms",
               ack_wait = "1s", timeout = "1ms", concurrency = 1, durable, exactly, name = "b",)"#,
            &[],
        ),
        (
            r#"("*.created", mode = "exclusive", start = "new", retries = 1000,
               backoff(max = "1h", first = "1h"), ack_wait = "1h", timeout = "1h", exactly)"#,
            &[],
        ),
        (r#"(">", mode = "compete", backoff = "1h")"#, &[]),
        (
            r#"("orders.*", mode = compete, start, retries = "5", backoff = 1, durable = true)"#,
            &[
                "`mode` takes a text, as in `mode = \"compete\"`",
                "`start` takes a text, as in `start = \"all\"`",
                "`retries` takes a whole number, as in `retries = 5`",
                "`backoff` takes a text or a list, as in `backoff = \"1s\"`",
                "`durable` takes no value: write `durable` alone, or leave it out",
            ],
        ),
        (
            r#"("orders.*", mode = "compete", retries = 1001, concurrency = 0, exactly, exactly)"#,
            &[
                "`exactly` is given twice: keep one",
                "`retries` must be from 0 to 1000",
                "`concurrency` must be 1 or more",
            ],
        ),
        (
            r#"(mode = "compete", "orders.*", , "returns.*", name = "a-b")"#,
            &[
                "there is no option before this comma: remove it",
                "the pattern stands before the options: as in `#[subscribe(\"orders.*\", \
                 mode = \"compete\")]`",
                "`#[subscribe]` takes one pattern: keep one",
                "the method name `a-b` has a character that is not allowed: use a letter, then up \
                 to 63 letters, digits or `_`",
            ],
        ),
        (
            r#"("orders.*", mode = "exclusive", concurrency = 8, durable)"#,
            &[
                "`mode = \"exclusive\"` handles one event at a time, in order: remove \
                 `concurrency`",
                "`durable` is for `mode = \"broadcast\"`, a handler with `mode = \"exclusive\"` \
                 always is: remove it",
            ],
        ),
    ];
    check(rows, with_options);
}

#[test]
fn unknown_words_name_the_nearest_and_all() {
    let missing = "say which instances get an event: add `mode = \"compete\"` (any one instance), \
                   `mode = \"broadcast\"` (each single instance) or `mode = \"exclusive\"` (only \
                   the leader)";
    let starts = "`new` (what is published from then on) or `all` (what the stream holds too)";
    let rows = [
        ("", missing.to_owned()),
        (r#"("orders.*", durable)"#, missing.to_owned()),
        (
            r#" = "orders.*""#,
            "options go into parentheses: `#[subscribe(..)]`".to_owned(),
        ),
        (
            r#"(mode = "competes")"#,
            format!("there is no mode `competes`: did you mean `compete`? Write {MODES}"),
        ),
        (
            r#"(mode = "queue", durable, concurrency = 2)"#,
            format!("there is no mode `queue`: write {MODES}"),
        ),
        (
            r#"(mode = "compete", start = "News")"#,
            format!("there is no start `News`: did you mean `new`? Write {starts}"),
        ),
        (
            r#"(mode = "compete", start = "2024")"#,
            format!("there is no start `2024`: write {starts}"),
        ),
        (
            r#"(mode = "compete", retrys = 5)"#,
            format!(
                "`#[subscribe]` has no option `retrys`: did you mean `retries`? It takes {OPTIONS}"
            ),
        ),
        (
            r#"(mode = "compete", PATTERN)"#,
            format!("`#[subscribe]` has no option `PATTERN`: it takes {OPTIONS}"),
        ),
    ];
    for (options, expected) in rows {
        let errors = errors(&expanded(&with_options(options)));
        assert_eq!(errors.first(), Some(&expected), "{options}");
    }
}

const WAIT: &str = "must be from `1ms` to `1h`: nobody waits for an event that comes back later";
const BOTH: &str = "as in `backoff(first = \"1s\", max = \"60s\")`";

#[test]
fn waits_of_a_subscription() {
    let ack = "`ack_wait` must be from `1s` to `1h`: with less, an instance that pauses for a \
               moment has its events handled twice; with more, the events of one that is lost \
               wait too long";
    let no_duration = "`soon` is not a duration: write a number and a unit, as in `500ms`, `2s` or \
                       `1m 30s`";
    let limit = "`timeout` must be from `1ms` to `1h`: whatever takes longer is better split into \
                 steps, each an event";
    let rows: [(&str, &[String]); 13] = [
        (r#"timeout = "999us""#, &[limit.to_owned()]),
        (r#"timeout = "1h 1s""#, &[limit.to_owned()]),
        (r#"ack_wait = "999ms""#, &[ack.to_owned()]),
        (r#"ack_wait = "1h 1s""#, &[ack.to_owned()]),
        (r#"ack_wait = "soon""#, &[no_duration.to_owned()]),
        (r#"backoff = "soon""#, &[no_duration.to_owned()]),
        (r#"backoff = "999us""#, &[format!("`backoff` {WAIT}")]),
        (r#"backoff = "3601s""#, &[format!("`backoff` {WAIT}")]),
        (
            r#"backoff = "0s""#,
            &["`backoff` must be more than zero, as in `2s`".to_owned()],
        ),
        (
            r#"backoff(first = "2h", max = "3h")"#,
            &[format!("`first` {WAIT}"), format!("`max` {WAIT}")],
        ),
        (
            r#"backoff(first = "2s", max = "1s")"#,
            &[
                "the first wait is longer than the longest one: make `first` at most `max`"
                    .to_owned(),
            ],
        ),
        (
            r#"backoff(first = "2s")"#,
            &[format!("`backoff` takes two waits: add `max`, {BOTH}")],
        ),
        (
            "backoff()",
            &[format!(
                "`backoff` takes two waits: add `first` and `max`, {BOTH}"
            )],
        ),
    ];
    for (option, expected) in rows {
        let source = with_options(&format!(r#"("orders.*", mode = "compete", {option})"#));
        assert_eq!(errors(&expanded(&source)), expected, "{option}");
    }
}

#[test]
fn patterns_of_a_subscription() {
    let rows = [
        ("", "is empty"),
        (
            "orders",
            "has one token, and the name of an event has two or more",
        ),
        (
            "*",
            "has one token, and the name of an event has two or more",
        ),
        (
            "orders..created",
            "has an empty token (two dots in a row, or a dot at an end)",
        ),
        (
            "orders.>.created",
            "has a `>` that is not the whole last token",
        ),
        ("orders.creat*", "has a `*` that is not a whole token"),
        ("orders. created", "has a character that is not allowed"),
        (
            "orders.2nd",
            "starts with a character that is not allowed there",
        ),
        (
            "$JS.>",
            "is reserved (`$...` and `_INBOX...` belong to NATS itself)",
        ),
    ];
    for (pattern, fault) in rows {
        let source = with_options(&format!(r#"("{pattern}", mode = "compete")"#));
        let expected = format!(
            "the pattern `{pattern}` {fault}: use the tokens of a name, `*` for any one of them, \
             `>` at the end for all that follow, as in `orders.*`"
        );
        assert_eq!(errors(&expanded(&source)), [expected]);
    }
}

const ONE_EVENT: &str = "a handler takes one event: for one of several types take an enum with \
                         `#[derive(aegis::Events)]`, and borrow what comes from the framework \
                         (`&Context`)";

#[test]
fn shape_of_a_subscription() {
    let rows: &[Row] = &[
        (
            "async fn a(&self, OrderCreated { id }: OrderCreated, c: &Context, _: &Context) -> R",
            &[],
        ),
        ("async fn a(&self, _: (AnyEvent)) -> impl Sized", &[]),
        (
            "async fn new(&self, e: Vec<Self>) -> Result<(), &'static str>",
            &[],
        ),
        (
            "fn a(&mut self, c: &mut Context, e: AnyEvent)",
            &[
                "`a` must be an `async fn`: write `async` before `fn`",
                "`a` cannot have `&mut self`, calls run at the same time: take `&self`, and keep \
                 what changes in a `Mutex` or an atomic",
                "what the framework lends is shared between calls: take `&T`, not `&mut T`",
                "`a` must say whether the event is done with: add the return type \
                 `-> Result<(), Failure>`",
            ],
        ),
        (
            "async fn a(&self, c: &Context) -> R",
            &["`a` takes no event: take one by value, such as `event: AnyEvent`"],
        ),
        (
            "async fn a(&self, c: Context, e: AnyEvent, f: u8, g: u8) -> R",
            &[
                "this comes from the framework, borrow it: `c: &Context`",
                ONE_EVENT,
                ONE_EVENT,
            ],
        ),
        (
            "async fn a(&self, e: AnyEvent, _: aegis::Leadership) -> R",
            &["this comes from the framework, borrow it: `_: &Leadership`"],
        ),
        // An event of that name.
        ("async fn a(&self, e: Context) -> R", &[]),
        (
            "async fn a<T>(&self, #[cfg(x)] e: impl Into<T>) -> R",
            &[
                "`a` cannot be generic, the framework calls it: name the types",
                "an argument cannot be conditional: put `#[cfg(..)]` on the method",
                "an argument cannot be `impl Trait`: a message needs a type with a name",
            ],
        ),
        (
            "async fn a(&self, e: Option<&Order>) -> R",
            &["what comes from the wire is owned: write `String` for `&str`, `Vec<T>` for `&[T]`"],
        ),
    ];
    check(rows, |head| {
        in_service(&format!(
            r#"#[subscribe("orders.*", mode = "compete")] {head} {{}}"#
        ))
    });
}

#[test]
fn names_of_subscriptions() {
    let rows: &[Row] = &[
        (
            "async fn a(&self, e: E) -> R {}
             #[subscribe(\"a.*\", mode = \"exclusive\")] async fn b(&self, e: E) -> R {}",
            &[],
        ),
        (
            "async fn a(&self, e: E) -> R {}
             #[subscribe(\"b.*\", mode = \"broadcast\", name = \"a\")] async fn b(&self, e: E) -> R {}",
            &[
                "`a` is called `a` too, and they would share the durable consumer `orders__a`: \
                 give one of them another name with `#[subscribe(name = \"..\")]`",
            ],
        ),
        (
            "#[cfg(x)] async fn a(&self, e: E) -> R {}
             #[cfg(y)] #[subscribe(mode = \"compete\")] async fn a(&self, e: E) -> R {}",
            &[],
        ),
        (
            "async fn a(&self, e: E) -> R {}
             #[rpc(name = \"a\")] async fn b(&self) -> R {}",
            &[
                "`b` is called `a` on the wire too: give one of them another name with \
                 `#[subscribe(name = \"..\")]`",
            ],
        ),
    ];
    check(rows, |methods| {
        in_service(&format!(
            "#[subscribe(\"a.*\", mode = \"compete\")] {methods}"
        ))
    });
}

#[test]
fn places_of_a_subscription() {
    let subscribe = "#[subscribe(\"orders.*\", mode = \"compete\")]";
    let rows: &[(String, &str)] = &[
        (
            in_service(&format!(
                "{subscribe} #[rpc] async fn a(&self, e: E) -> R {{}}"
            )),
            "a method is either `#[subscribe]` or `#[rpc]`: make a method of its own for each",
        ),
        (
            in_service(&format!(
                "{subscribe} {subscribe} async fn a(&self, e: E) -> R {{}}"
            )),
            "`#[subscribe]` is given twice: keep one",
        ),
        (
            in_service(&format!("{subscribe} const A: u8 = 1;")),
            "`#[subscribe]` marks an `async fn`, and this is none",
        ),
        (
            in_service("#[cfg_attr(x, subscribe)] async fn a(&self, e: E) -> R {}"),
            "`#[subscribe]` cannot stand in a `cfg_attr`: put `#[cfg(..)]` on the whole method",
        ),
        (
            format!(
                "#[aegis::client(service = \"a\")]
                 trait A {{ {subscribe} async fn a(&self, e: E) -> R; }}"
            ),
            "a client calls, and does not subscribe: move this to an `impl` block with \
             `#[aegis::service(..)]`",
        ),
        (
            format!("{subscribe} async fn a() {{}}"),
            "`#[subscribe]` marks a method inside an `impl` block that has \
             `#[aegis::service(..)]`: put that attribute on the block",
        ),
    ];
    for (source, expected) in rows {
        assert_eq!(errors(&expanded(source)), [*expected], "{source}");
    }
}

#[test]
fn an_exclusive_subscription_needs_a_leader() {
    for (mode, is_wrong) in [("compete", true), ("broadcast", true), ("exclusive", false)] {
        let source = format!(
            r#"#[service(name = "a", version = "1.0.0", failover = "balanced")] impl Ledger {{
               #[subscribe("a.*", mode = "{mode}")] async fn a(&self, e: AnyEvent) -> R {{}} }}"#
        );
        assert_eq!(
            errors(&expanded(&source)).len(),
            usize::from(is_wrong),
            "{mode}"
        );
    }
}
