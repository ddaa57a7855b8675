//! The same for commands.

use super::messages::{Row, check, in_service};
use super::{errors, expanded};

const OPTIONS: &str = "`name`, `retries`, `backoff`, `ack_wait`, `timeout`, `guard`, \
                       `concurrency`";

fn with_options(options: &str) -> String {
    let method = "async fn import(&self, url: String) -> Result<Report, Failure> {}";
    in_service(&format!("#[command{options}] {method}"))
}

#[test]
fn options_of_a_command() {
    let rows: &[Row] = &[
        ("", &[]),
        ("()", &[]),
        (
            r#"(name = "b", retries = 0, backoff = "1ms", timeout = "1ms", ack_wait = "1s",
               concurrency = 1,)"#,
            &[],
        ),
        (
            r#"(retries = 1000, backoff(max = "1h", first = "1h"), timeout = "7d",
               ack_wait = "1h")"#,
            &[],
        ),
        (
            r#"(name = b, retries = "3", backoff = 1, timeout, ack_wait = 30, concurrency = "8")"#,
            &[
                "`name` takes a text, as in `name = \"import\"`",
                "`retries` takes a whole number, as in `retries = 3`",
                "`backoff` takes a text or a list, as in `backoff = \"1s\"`",
                "`timeout` takes a text, as in `timeout = \"5m\"`",
                "`ack_wait` takes a text, as in `ack_wait = \"30s\"`",
                "`concurrency` takes a whole number, as in `concurrency = 8`",
            ],
        ),
        (
            r#"(retries = 1001, concurrency = 0, retries = 3, , name = "a-b")"#,
            &[
                "there is no option before this comma: remove it",
                "`retries` is given twice: keep one",
                "`retries` must be from 0 to 1000",
                "`concurrency` must be 1 or more",
                "the method name `a-b` has a character that is not allowed: use a letter, then up \
                 to 63 letters, digits or `_`",
            ],
        ),
        (
            r#" = "import""#,
            &["options go into parentheses: `#[command(..)]`"],
        ),
    ];
    check(rows, with_options);
}

#[test]
fn unknown_options_name_the_nearest_and_all() {
    let rows = [
        (
            "(retrys = 3)",
            format!("has no option `retrys`: did you mean `retries`? It takes {OPTIONS}"),
        ),
        // Of calls, and of events.
        (
            "(idempotent)",
            format!("has no option `idempotent`: it takes {OPTIONS}"),
        ),
        (
            "(queue = 16)",
            format!("has no option `queue`: it takes {OPTIONS}"),
        ),
        (
            r#"(mode = "compete")"#,
            format!("has no option `mode`: it takes {OPTIONS}"),
        ),
        (r#"("import")"#, format!("takes options by name: {OPTIONS}")),
    ];
    for (options, expected) in rows {
        let expected = format!("`#[command]` {expected}");
        assert_eq!(errors(&expanded(&with_options(options))), [expected]);
    }
}

const WAIT: &str = "must be from `1ms` to `1h`: nobody waits for a command that comes back later";
const BOTH: &str = "as in `backoff(first = \"1s\", max = \"60s\")`";

#[test]
fn waits_of_a_command() {
    let ack = "`ack_wait` must be from `1s` to `1h`: with less, an instance that pauses for a \
               moment has its commands handled twice; with more, the commands of one that is lost \
               wait too long";
    let no_duration = "`soon` is not a duration: write a number and a unit, as in `500ms`, `2s` or \
                       `1m 30s`";
    let limit = "`timeout` must be from `1ms` to `7d`: whatever takes longer is better split into \
                 several commands";
    let rows: [(&str, &[String]); 12] = [
        (r#"timeout = "999us""#, &[limit.to_owned()]),
        (r#"timeout = "7d 1ms""#, &[limit.to_owned()]),
        (r#"timeout = "soon""#, &[no_duration.to_owned()]),
        (
            r#"timeout = "0s""#,
            &["`timeout` must be more than zero, as in `2s`".to_owned()],
        ),
        (r#"ack_wait = "999ms""#, &[ack.to_owned()]),
        (r#"ack_wait = "1h 1s""#, &[ack.to_owned()]),
        (r#"backoff = "soon""#, &[no_duration.to_owned()]),
        (r#"backoff = "999us""#, &[format!("`backoff` {WAIT}")]),
        (r#"backoff = "3601s""#, &[format!("`backoff` {WAIT}")]),
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
    ];
    for (option, expected) in rows {
        let source = with_options(&format!("({option})"));
        assert_eq!(errors(&expanded(&source)), expected, "{option}");
    }
}

#[test]
fn shape_of_a_command() {
    let rows: &[Row] = &[
        (
            "async fn a(self: &Self, c: &Context, p: &Progress, mut b: u8, d: Vec<Self>) -> R",
            &[],
        ),
        ("async fn a(&self, order: Params<Order>) -> R", &[]),
        (
            "fn a(&mut self, p: &mut Progress)",
            &[
                "`a` must be an `async fn`: write `async` before `fn`",
                "`a` cannot have `&mut self`, calls run at the same time: take `&self`, and keep \
                 what changes in a `Mutex` or an atomic",
                "what the framework lends is shared between calls: take `&T`, not `&mut T`",
                "`a` must say how it ends: add a return type `-> Result<T, E>`",
            ],
        ),
        (
            "async fn a(url: String) -> R",
            &["`a` needs the service: make `&self` its first argument"],
        ),
        (
            "async fn a<T>(&self, #[cfg(x)] e: impl Into<T>, (b, c): (u8, u8)) -> R",
            &[
                "`a` cannot be generic, the framework calls it: name the types",
                "an argument cannot be conditional: put `#[cfg(..)]` on the method",
                "an argument cannot be `impl Trait`: a message needs a type with a name",
                "an argument needs a plain name: the name is the field of the message; take it \
                 apart inside the method",
            ],
        ),
        (
            "async fn a(&self, b: Option<&str>) -> Result<&str, E>",
            &[
                "what comes from the wire is owned: write `String` for `&str`, `Vec<T>` for `&[T]`",
                "what goes to the wire is owned: write `String` for `&str`, `Vec<T>` for `&[T]`",
            ],
        ),
        (
            "async fn a(&self, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, \
             j: u8, k: u8, l: u8, m: u8) -> R",
            &[
                "at most 12 arguments can travel: put them into a struct and take \
               `Params<TheStruct>`",
            ],
        ),
        (
            "async fn a(&self, payload: u8, command: u8) -> R",
            &[
                "a body with `command` and `payload` is an envelope on the wire: rename one of \
               them",
            ],
        ),
        // That is an envelope of calls only.
        ("async fn a(&self, method: u8, params: u8) -> R", &[]),
        ("async fn a(&self, payload: u8) -> R", &[]),
    ];
    check(rows, |head| in_service(&format!("#[command] {head} {{}}")));
}

#[test]
fn arguments_of_a_call_may_be_named_like_the_envelope_of_a_command() {
    let method = "#[rpc] async fn a(&self, command: u8, payload: u8) -> R {}";
    check(&[(method, &[])], in_service);
}

#[test]
fn names_of_commands() {
    let rows: &[Row] = &[
        (
            "async fn r#type(&self) -> R {} #[rpc] async fn b(&self) -> R {}",
            &[],
        ),
        (
            "async fn a(&self) -> R {} #[command(name = \"a\")] async fn b(&self) -> R {}",
            &[
                "`a` is called `a` on the wire too: give one of them another with \
                 `#[command(name = \"..\")]`",
            ],
        ),
        (
            "async fn a(&self) -> R {} #[rpc(name = \"a\")] async fn b(&self) -> R {}",
            &[
                "`a` is called `a` on the wire too: give one of them another with \
                 `#[rpc(name = \"..\")]`",
            ],
        ),
        (
            "async fn a(&self) -> R {}
             #[subscribe(mode = \"compete\", name = \"a\")] async fn b(&self, e: E) -> R {}",
            &[
                "`a` is called `a` on the wire too: give one of them another name with \
                 `#[subscribe(name = \"..\")]`",
            ],
        ),
        (
            "#[cfg(x)] async fn a(&self) -> R {}
             #[cfg(y)] #[rpc] async fn a(&self) -> R {}",
            &[],
        ),
        (
            "async fn new(&self) -> R {}",
            &[
                "`new` makes the generated client: choose another, and keep it on the wire with \
                 `#[command(name = \"new\")]`",
            ],
        ),
    ];
    check(rows, |methods| in_service(&format!("#[command] {methods}")));
}

#[test]
fn places_of_a_command() {
    let rows: &[(String, &str)] = &[
        (
            in_service("#[command] #[rpc] async fn a(&self) -> R {}"),
            "a method is either `#[command]` or `#[rpc]`: make a method of its own for each",
        ),
        (
            in_service("#[exclusive_rpc] #[command] async fn a(&self) -> R {}"),
            "a method is either `#[exclusive_rpc]` or `#[command]`: make a method of its own for \
             each",
        ),
        (
            in_service("#[command] #[aegis::command] async fn a(&self) -> R {}"),
            "`#[command]` is given twice: keep one",
        ),
        (
            in_service("#[command] const A: u8 = 1;"),
            "`#[command]` marks an `async fn`, and this is none",
        ),
        (
            in_service("#[cfg_attr(x, command)] async fn a(&self) -> R {}"),
            "`#[command]` cannot stand in a `cfg_attr`: put `#[cfg(..)]` on the whole method",
        ),
        (
            "#[command(retries = 3)] async fn a() {}".to_owned(),
            "`#[command]` marks a method inside an `impl` block that has \
             `#[aegis::service(..)]`: put that attribute on the block",
        ),
    ];
    for (source, expected) in rows {
        assert_eq!(errors(&expanded(source)), [*expected], "{source}");
    }
}

#[test]
fn commands_of_a_client() {
    let up = |option: &str| {
        format!("`{option}` is up to the service that does the work: set it there, not here")
    };
    let rows: [(&str, Vec<String>); 5] = [
        ("#[command] async fn a(&self, b: u8) -> R;", Vec::new()),
        (
            "#[command(name = \"b\")] async fn a(&self) -> R; async fn c(&self) -> R;",
            Vec::new(),
        ),
        (
            "#[command(retries = 3, backoff = \"1s\", ack_wait = \"30s\", timeout = \"5m\",
             concurrency = 8)] async fn a(&self) -> R;",
            ["retries", "backoff", "ack_wait", "timeout", "concurrency"]
                .map(up)
                .to_vec(),
        ),
        (
            "#[command(mode = \"b\")] async fn a(&self, p: &Progress) -> R;",
            vec![
                "`#[command]` has no option `mode`: it takes `name`".to_owned(),
                "a client sends owned values: write `String` for `&str`, `Vec<T>` for `&[T]`"
                    .to_owned(),
            ],
        ),
        (
            "async fn a(&self) -> R; #[command(name = \"a\")] async fn b(&self) -> R;",
            vec![
                "`a` is called `a` on the wire too: give one of them another with \
                 `#[command(name = \"..\")]`"
                    .to_owned(),
            ],
        ),
    ];
    for (methods, expected) in rows {
        let source =
            format!("#[aegis::client(service = \"importer\")] trait Importer {{ {methods} }}");
        assert_eq!(errors(&expanded(&source)), expected, "{methods}");
    }
}

#[test]
fn a_command_needs_no_leader() {
    let source = "#[service(name = \"a\", version = \"1.0.0\", failover = \"balanced\")]
                  impl Importer { #[command] async fn a(&self) -> R {} }";
    let said = "nothing here needs a leader, so none is replaced: mark a handler with \
                `#[exclusive_rpc]` or a hook with `#[on_leader]`, or add `group = \"main\"`";
    assert_eq!(errors(&expanded(source)), [said]);
}
