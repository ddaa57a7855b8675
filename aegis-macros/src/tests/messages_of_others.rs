//! The same for clients, programs and failures.

use super::messages::{Row, check};

#[test]
fn clients() {
    let rows: &[Row] = &[
        (
            r#"(service = "pricing", envelope)]
               trait Pricing { #[rpc(name = "b", idempotent)] async fn a(&self, c: u8) -> R; }"#,
            &[],
        ),
        (
            "] trait Pricing {}",
            &["a client needs the name of its service: add `service = \"pricing\"`"],
        ),
        (
            r#"(service = "a")] struct Pricing;"#,
            &[
                "`#[aegis::client]` belongs on a trait that lists the methods of a service written \
               elsewhere",
            ],
        ),
        (
            r#"(service = "a b")]
               trait Pricing<T> where T: Send { type A; fn a(&self) -> Self::A {} }"#,
            &[
                "a client cannot be generic: a message has no types, name them",
                "a client cannot have bounds: remove the `where` clause",
                "a client's trait has `async fn`s only: move this out",
                "the service has the body: write `;` here",
                "`a` must be an `async fn`: write `async` before `fn`",
                "`Self` means nothing to the service: write the type's name",
                "the service name `a b` has a character that is not allowed: use a letter, then \
                 up to 63 letters, digits, `_` or `-`",
            ],
        ),
        (
            r#"(service = "a")]
               trait A { #[rpc(queue = 1)] async fn a(&self, c: &Context) -> R;
               #[on_stop] async fn b(&self) -> R; }"#,
            &[
                "`queue` is a limit of the service: set it there, not here",
                "a client sends owned values: write `String` for `&str`, `Vec<T>` for `&[T]`",
                "`#[on_stop]` belongs to a service, not to a client",
            ],
        ),
    ];
    check(rows, |rest| format!("#[aegis::client{rest}"));
}

#[test]
fn programs() {
    let rows: &[Row] = &[
        ("] async fn main(app: App) -> Result<()> {}", &[]),
        (
            "(threads = 2)] fn main() {}",
            &[
                "`#[aegis::main]` takes no options: write `#[aegis::main]` alone",
                "`main` must be an `async fn`: write `async` before `fn`",
                "`main` needs an argument: write `async fn main(app: App)`, or with a `Client` or \
                 a `Config`",
            ],
        ),
        (
            "] async fn start<T>(app: T, client: Client) {}",
            &[
                "`#[aegis::main]` goes on `async fn main`, not on `start`: a program starts there",
                "`start` cannot be generic, the framework calls it: name the types",
                "`main` takes one argument: `async fn main(app: App)`, or with a `Client` or a \
                 `Config`",
            ],
        ),
        (
            "] struct Main;",
            &["`#[aegis::main]` goes on `async fn main`"],
        ),
    ];
    check(rows, |rest| format!("#[aegis::main{rest}"));
}

#[test]
fn failures() {
    let rows: &[Row] = &[
        (
            "enum E { A, #[failure(code = \"B_2\", retryable, status = 599)] B(u8), C { d: u8 } }",
            &[],
        ),
        ("#[failure(code = \"GONE\")] struct E;", &[]),
        (
            "#[failure(retryable)] enum E { A(#[failure(status = 400)] u8) }",
            &[
                "`#[failure]` says nothing about a field: put it on the variant or the struct",
                "`#[failure]` says how one variant travels: put it on a variant",
            ],
        ),
        (
            "enum E { #[failure(code = \"a\", status = 200)] #[failure(retryable)] A, Timeout }",
            &[
                "`#[failure]` is given twice: keep one",
                "`status` must be from 400 to 599",
                "`a` is not a code: use a capital letter, then up to 63 of `A-Z`, `0-9` and `_`",
                "`TIMEOUT` is a code of the framework: choose one of your own, such as \
                 `ORDER_TIMEOUT`",
            ],
        ),
        (
            "enum E { A, #[failure(code = \"A\")] B, #[failure(cod = \"C\")] C }",
            &[
                "`#[failure]` has no option `cod`: did you mean `code`? It takes `code`, \
                 `retryable`, `status`",
                "`A` has the code `A` too: a caller could not tell them apart, give each its own",
            ],
        ),
        (
            "enum E {}",
            &["a failure needs a variant: each one is a way to fail"],
        ),
        (
            "union E { a: u8 }",
            &["a failure is an enum or a struct, not a union"],
        ),
        (
            "enum E<T> { A(T) }",
            &["a failure cannot be generic: both ends must know it, so name the types here"],
        ),
    ];
    check(rows, |item| format!("#[derive(Failure)] {item}"));
}
