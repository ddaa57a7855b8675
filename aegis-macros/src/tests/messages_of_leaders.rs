//! The same for what only a leader does: exclusive handlers, its hooks, groups and failovers.

use super::messages::{Row, check, in_service};
use super::{errors, expanded};

const NAMES: &str = "`aggressive`, `balanced`, `conservative`, `ride-through`, or numbers of \
                     your own as in `failover(lease = \"600ms\", margin = \"100ms\", renew = \
                     \"120ms\")`";
const EXAMPLE: &str = "`failover(lease = \"600ms\", margin = \"100ms\", renew = \"120ms\")`";

fn with_options(options: &str) -> String {
    format!(
        r#"#[service(name = "ledger", version = "1.0.0", {options})]
           impl Ledger {{ #[exclusive_rpc] async fn post(&self) -> R {{}} }}"#
    )
}

#[test]
fn groups_and_failovers() {
    let rows: &[Row] = &[
        (r#"group = "main""#, &[]),
        (r#"failover = "aggressive""#, &[]),
        (r#"failover = "ride-through", group = "a-1""#, &[]),
        (
            r#"failover(lease = "600ms", margin = "100ms", renew = "120ms")"#,
            &[],
        ),
        (
            r#"failover(renew = "200ms", lease = "1s 200ms", margin = "200ms",)"#,
            &[],
        ),
        (
            r#"group = "eu.west""#,
            &[
                "the group `eu.west` has a character that is not allowed: use a letter, then up to \
                 63 letters, digits, `_` or `-`",
            ],
        ),
        (
            r#"group = "", failover = 3"#,
            &[
                "`failover` takes a text or a list, as in `failover = \"aggressive\"`",
                "the group `` is empty: use a letter, then up to 63 letters, digits, `_` or `-`",
            ],
        ),
        (
            "group(main), failover",
            &[
                "`group` takes a text, as in `group = \"main\"`",
                "`failover` takes a text or a list, as in `failover = \"aggressive\"`",
            ],
        ),
        (
            r#"failover = "balanced", failover(lease = "1s")"#,
            &["`failover` is given twice: keep one"],
        ),
    ];
    check(rows, with_options);
}

#[test]
fn unknown_preset_names_the_nearest_and_all() {
    let rows = [
        ("agressive", "did you mean `aggressive`? Write"),
        ("ride_through", "did you mean `ride-through`? Write"),
        ("quick", "write"),
        ("", "write"),
    ];
    for (name, near) in rows {
        let source = with_options(&format!("failover = \"{name}\""));
        let expected = format!("there is no failover `{name}`: {near} {NAMES}");
        assert_eq!(errors(&expanded(&source)), [expected]);
    }
}

#[test]
fn missing_numbers_are_told_at_once() {
    let rows = [
        ("", "`lease`, `margin`, `renew`"),
        (r#"lease = "600ms""#, "`margin`, `renew`"),
        (r#"lease = "600ms", renew = "120ms""#, "`margin`"),
    ];
    for (numbers, missing) in rows {
        let source = with_options(&format!("failover({numbers})"));
        let expected = format!("`failover` takes three numbers: add {missing}, as in {EXAMPLE}");
        assert_eq!(errors(&expanded(&source)), [expected]);
    }
}

#[test]
fn numbers_of_a_failover() {
    let rows: &[Row] = &[
        (
            r#"lease = "61s", margin = "11s", renew = "1s""#,
            &["a lease of 61s is too long: it is at most 60 s"],
        ),
        (
            r#"lease = "600ms", margin = "90ms", renew = "120ms""#,
            &[
                "a margin of 90ms does not fit a lease of 600ms: it is at least 100ms (50 ms, and \
                 a sixth of the lease) and shorter than the lease",
            ],
        ),
        (
            r#"lease = "600ms", margin = "100ms", renew = "126ms""#,
            &[
                "a renewal every 126ms does not fit a lease of 600ms: it is more than 0 and at \
                 most 125ms, so that one lost renewal costs nothing",
            ],
        ),
        (
            r#"lease = "600ms 5us", margin = "a while", renew = "0ms""#,
            &[
                "`lease` counts whole milliseconds, as in `600ms`: leave out the rest",
                "`a while` is not a duration: write a number and a unit, as in `500ms`, `2s` or \
                 `1m 30s`",
                "`renew` must be more than zero, as in `2s`",
            ],
        ),
        (
            r#"lease = 600, margin = "100ms", renew = "120ms", reserve = "1ms", marginn = "1ms""#,
            &[
                "`lease` takes a text, as in `lease = \"600ms\"`",
                "`failover` has no option `reserve`: it takes `lease`, `margin`, `renew`",
                "`failover` has no option `marginn`: did you mean `margin`? It takes `lease`, \
                 `margin`, `renew`",
            ],
        ),
    ];
    check(rows, |numbers| {
        with_options(&format!("failover({numbers})"))
    });
}

#[test]
fn failover_of_nothing() {
    let said = "nothing here needs a leader, so none is replaced: mark a handler with \
                `#[exclusive_rpc]` or a hook with `#[on_leader]`, or add `group = \"main\"`";
    let service = |group: &str, method: &str| {
        format!(
            r#"#[service(name = "a", version = "1.0.0", failover = "balanced"{group})]
               impl Ledger {{ {method} }}"#
        )
    };
    for (group, method, is_wrong) in [
        ("", "", true),
        ("", "#[rpc] async fn a(&self) -> R {}", true),
        ("", "#[on_stop] async fn a(&self) {}", true),
        ("", "#[exclusive_rpc] async fn a(&self) -> R {}", false),
        ("", "#[on_leader] async fn a(&self) -> R {}", false),
        ("", "#[on_standby] async fn a(&self) {}", false),
        (", group = \"main\"", "", false),
    ] {
        let expected: &[&str] = if is_wrong { &[said] } else { &[] };
        let source = service(group, method);
        assert_eq!(errors(&expanded(&source)), expected, "{source}");
    }
}

#[test]
fn exclusive_handlers() {
    let rows: &[Row] = &[
        (
            "#[exclusive_rpc(name = \"b\", timeout = \"2s\", idempotent, concurrency = 1, queue = 0)]
             async fn a(&self, leader: &Leadership, c: &Context, d: u8) -> R {}",
            &[],
        ),
        (
            "#[exclusive_rpc(group = \"main\")] async fn a(&self) -> R {}",
            &[
                "`#[exclusive_rpc]` has no option `group`: it takes `name`, `timeout`, \
               `idempotent`, `guard`, `concurrency`, `queue`",
            ],
        ),
        (
            "#[exclusive_rpc = \"b\"] fn a(&mut self, leader: &mut Leadership) {}",
            &[
                "options go into parentheses: `#[exclusive_rpc(..)]`",
                "`a` must be an `async fn`: write `async` before `fn`",
                "`a` cannot have `&mut self`, calls run at the same time: take `&self`, and keep \
                 what changes in a `Mutex` or an atomic",
                "what the framework lends is shared between calls: take `&T`, not `&mut T`",
                "`a` must say how it ends: add a return type `-> Result<T, E>`",
            ],
        ),
        (
            "#[rpc] async fn a(&self) -> R {}
             #[exclusive_rpc(name = \"a\")] async fn b(&self) -> R {}
             #[exclusive_rpc] async fn new(&self) -> R {}",
            &[
                "`a` is called `a` on the wire too: give one of them another with \
                 `#[exclusive_rpc(name = \"..\")]`",
                "`new` makes the generated client: choose another, and keep it on the wire with \
                 `#[exclusive_rpc(name = \"new\")]`",
            ],
        ),
        (
            "#[exclusive_rpc] #[rpc] async fn a(&self) -> R {}",
            &["a method is either `#[exclusive_rpc]` or `#[rpc]`: make a method of its own for each"],
        ),
        (
            "#[exclusive_rpc] #[aegis::exclusive_rpc] async fn a(&self) -> R {}",
            &["`#[exclusive_rpc]` is given twice: keep one"],
        ),
        (
            "#[exclusive_rpc] const A: u8 = 1;",
            &["`#[exclusive_rpc]` marks an `async fn`, and this is none"],
        ),
        (
            "#[cfg_attr(x, exclusive_rpc)] async fn a(&self) -> R {}",
            &["`#[exclusive_rpc]` cannot stand in a `cfg_attr`: put `#[cfg(..)]` on the whole method"],
        ),
    ];
    check(rows, in_service);
}

#[test]
fn hooks_of_a_leader() {
    let rows: &[Row] = &[
        (
            "#[on_leader] async fn a(&self, l: &Leadership, c: &Context) -> R {}
             #[on_standby] async fn b(&self, c: &Context) {}",
            &[],
        ),
        (
            "#[on_leader] async fn a(&self) {}",
            &[
                "`a` must say whether the instance can lead: add the return type \
               `-> Result<(), Failure>`",
            ],
        ),
        (
            "#[on_standby(now)] async fn a(&self, b: u8) -> R {}",
            &[
                "`#[on_standby]` takes no options: write `#[on_standby]` alone",
                "nobody waits for the result of `a`: log what went wrong and remove the return \
                 type",
                "`#[on_standby]` hands over `&Context` and nothing else: remove this",
            ],
        ),
        (
            "#[on_leader] async fn a(&self, l: &Leadership, b: u8, m: &aegis::Leadership, \
             c: &mut Context) -> R {}",
            &[
                "`#[on_leader]` hands over `&Context` and `&Leadership` and nothing else: remove \
                 this",
                "`#[on_leader]` hands over `&Leadership` once: remove this",
                "`#[on_leader]` hands over `&Context` and `&Leadership` and nothing else: remove \
                 this",
            ],
        ),
        (
            "#[on_stop] async fn a(&self, c: &Context, d: &Context) {}",
            &["`#[on_stop]` hands over `&Context` once: remove this"],
        ),
        (
            "#[on_leader] async fn a(&self) -> R {} #[on_leader] async fn b(&self) -> R {}
             #[on_standby] async fn c(&self) {} #[on_standby] async fn d(&self) {}",
            &[
                "`a` is the `#[on_leader]` of this service: call this from `a`",
                "`c` is the `#[on_standby]` of this service: call this from `c`",
            ],
        ),
        (
            "#[on_standby] #[on_stop] async fn a(&self) {}",
            &[
                "a method is either `#[on_standby]` or `#[on_stop]`: make a method of its own for each",
            ],
        ),
        (
            "#[on_leader] type A = u8;",
            &["`#[on_leader]` marks an `async fn`, and this is none"],
        ),
    ];
    check(rows, in_service);
}

#[test]
fn exclusive_methods_of_a_client() {
    let rows: &[Row] = &[
        (
            "#[exclusive_rpc(name = \"b\", timeout = \"2s\", idempotent)] async fn a(&self) -> R;",
            &[],
        ),
        (
            "#[exclusive_rpc(queue = 1)] async fn a(&self, leader: &Leadership) -> R;
             #[on_leader] async fn b(&self) -> R;",
            &[
                "`queue` is a limit of the service: set it there, not here",
                "a client sends owned values: write `String` for `&str`, `Vec<T>` for `&[T]`",
                "`#[on_leader]` belongs to a service, not to a client",
            ],
        ),
    ];
    check(rows, |methods| {
        format!(r#"#[aegis::client(service = "ledger")] trait Ledger {{ {methods} }}"#)
    });
}

#[test]
fn markers_outside_of_a_service() {
    for marker in ["exclusive_rpc", "on_leader", "on_standby"] {
        let expected = format!(
            "`#[{marker}]` marks a method inside an `impl` block that has \
             `#[aegis::service(..)]`: put that attribute on the block"
        );
        let source = format!("#[{marker}] async fn a() {{}}");
        assert_eq!(errors(&expanded(&source)), [expected]);
    }
}
