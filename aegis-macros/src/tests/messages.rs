//! What is said about each mistake: rows of an input and all of its messages.

use super::{errors, expanded};

/// Text of a program, and what is said about it.
pub(super) type Row = (&'static str, &'static [&'static str]);

pub(super) fn check(rows: &[Row], wrap: impl Fn(&str) -> String) {
    for (input, expected) in rows {
        let source = wrap(input);
        assert_eq!(errors(&expanded(&source)), *expected, "\n{source}");
    }
}

const ALLOWED: &str = "`name`, `version`, `description`, `metadata`, `group`, `failover`";

#[test]
fn options_of_a_service() {
    let rows: &[Row] = &[
        (
            r#"name = "a", version = "1.0.0-rc.1+build", description = "..", metadata(b = "c"),"#,
            &[],
        ),
        (
            "",
            &[
                "a service needs a `name`: add `name = \"orders\"`",
                "a service needs a `version`: add `version = \"1.0.0\"`",
            ],
        ),
        (
            r#"name = "a.b", version = "1""#,
            &[
                "the service name `a.b` has a character that is not allowed: use a letter, then up \
                 to 63 letters, digits, `_` or `-`",
                "`1` is not a version: write MAJOR.MINOR.PATCH as on semver.org, such as `1.0.0`",
            ],
        ),
        (
            r#"name = a, version = 1.0, version = "1.0.0", metadata"#,
            &[
                "`name` takes a text, as in `name = \"calculator\"`",
                "`version` takes a text, as in `version = \"1.0.0\"`",
                "`version` is given twice: keep one",
                "`metadata` takes a list, as in `metadata(team = \"core\")`",
            ],
        ),
        (
            r#"name = "a", version = "1.0.0", "b", , metadata(c, d = "e", d = "f")"#,
            &[
                "there is no option before this comma: remove it",
                "`#[aegis::service]` takes options by name: `name`, `version`, `description`, \
                 `metadata`, `group`, `failover`",
                "`metadata` takes pairs, as in `metadata(team = \"core\")`",
                "`d` is given twice: keep one",
            ],
        ),
    ];
    check(rows, |args| {
        format!("#[aegis::service({args})] impl Orders {{}}")
    });
}

#[test]
fn unknown_option_names_the_nearest_and_the_allowed() {
    let source = r#"#[service(nam = "a", name = "a", version = "1.0.0", region)] impl Orders {}"#;
    let near = format!("has no option `nam`: did you mean `name`? It takes {ALLOWED}");
    let far = format!("has no option `region`: it takes {ALLOWED}");
    let owner = "`#[aegis::service]`";
    let expected = [format!("{owner} {near}"), format!("{owner} {far}")];
    assert_eq!(errors(&expanded(source)), expected);
}

#[test]
fn place_of_a_service() {
    let rows: &[Row] = &[
        ("impl Orders {}", &[]),
        ("impl shop::Orders {}", &[]),
        (
            "impl Show for Orders {}",
            &[
                "`#[aegis::service]` cannot stand on a trait's `impl`: move the handlers to an \
               `impl` block without a trait",
            ],
        ),
        (
            "impl<T> Orders<T> where T: Send {}",
            &[
                "a service cannot be generic, a message has no types: name them, or hold a \
                 `Box<dyn Trait>` in a field",
                "a service cannot have bounds: remove the `where` clause",
            ],
        ),
        (
            "impl Orders<u8> {}",
            &["a service's type has no arguments: put a struct of its own around it"],
        ),
        (
            "impl (u8, u8) {}",
            &["a service is a struct or an enum of your own: name it here"],
        ),
        (
            "struct Orders;",
            &["`#[aegis::service]` belongs on the `impl` block with the handlers, not on the type"],
        ),
        (
            "trait Orders {}",
            &[
                "`#[aegis::service]` belongs on an `impl` block: for a service written elsewhere \
                use `#[aegis::client]`",
            ],
        ),
        (
            "fn orders() {}",
            &[
                "`#[aegis::service]` belongs on an `impl` block, whose methods with `#[rpc]` are \
                the handlers",
            ],
        ),
    ];
    check(rows, |item| {
        format!(r#"#[service(name = "a", version = "1.0.0")] {item}"#)
    });
}

pub(super) fn in_service(methods: &str) -> String {
    format!(r#"#[service(name = "orders", version = "1.0.0")] impl Orders {{ {methods} }}"#)
}

#[test]
fn options_of_a_handler() {
    let rows: &[Row] = &[
        (
            r#"(name = "b", timeout = "1m 30s", idempotent, concurrency = 1, queue = 0)"#,
            &[],
        ),
        (
            r#"(timeout = "soon", concurrency = 0, queue = -1)"#,
            &[
                "`soon` is not a duration: write a number and a unit, as in `500ms`, `2s` or \
                 `1m 30s`",
                "`concurrency` must be 1 or more",
                "`queue` must be 0 or more",
            ],
        ),
        (
            r#"(timeout = "0ms")"#,
            &["`timeout` must be more than zero, as in `2s`"],
        ),
        (
            r#"(timeout = "600y")"#,
            &["`timeout` is longer than 500 years: write less"],
        ),
        (
            "(idempotent = true, idempotent)",
            &[
                "`idempotent` takes no value: write `idempotent` alone, or leave it out",
                "`idempotent` is given twice: keep one",
            ],
        ),
        (
            r#"(name = "a-b")"#,
            &[
                "the method name `a-b` has a character that is not allowed: use a letter, then up \
               to 63 letters, digits or `_`",
            ],
        ),
        (r#" = "b""#, &["options go into parentheses: `#[rpc(..)]`"]),
    ];
    let method = "async fn a(&self) -> Result<(), Failure> {}";
    check(rows, |options| {
        in_service(&format!("#[rpc{options}] {method}"))
    });
}

#[test]
fn names_on_the_wire() {
    let rows: &[Row] = &[
        ("async fn r#type(&self, r#fn: u8) -> R {}", &[]),
        (
            r#"async fn a(&self) -> R {} #[rpc(name = "a")] async fn b(&self) -> R {}"#,
            &[
                "`a` is called `a` on the wire too: give one of them another with \
               `#[rpc(name = \"..\")]`",
            ],
        ),
        (
            r#"#[cfg(x)] async fn a(&self) -> R {} #[rpc(name = "a")]
               #[cfg(y)] async fn b(&self) -> R {}"#,
            &[],
        ),
        (
            "async fn _a(&self) -> R {}",
            &[
                "the method name `_a` starts with a character that is not allowed there: use a \
               letter, then up to 63 letters, digits or `_`",
            ],
        ),
        (
            "async fn new(&self) -> R {}",
            &[
                "`new` makes the generated client: choose another, and keep it on the wire with \
               `#[rpc(name = \"new\")]`",
            ],
        ),
    ];
    check(rows, |methods| in_service(&format!("#[rpc] {methods}")));
}

const NO_MUTABLE_SELF: &str = "`a` cannot have `&mut self`, calls run at the same time: take \
                               `&self`, and keep what changes in a `Mutex` or an atomic";
const NO_ARC_SELF: &str = "`a` cannot own a pointer to the service: take `&self`, and keep an \
                           `Arc` in a field for what a task must own";
const OWNED_ARGUMENT: &str =
    "what comes from the wire is owned: write `String` for `&str`, `Vec<T>` for `&[T]`";

#[test]
fn shape_of_a_handler() {
    let rows: &[Row] = &[
        ("async fn a(self: &Self) -> R", &[]),
        (
            "fn a(&self) -> R",
            &["`a` must be an `async fn`: write `async` before `fn`"],
        ),
        (
            "async fn a(x: u8) -> R",
            &["`a` needs the service: make `&self` its first argument"],
        ),
        (
            "async fn a(self) -> R",
            &["`a` would consume the service: take `&self`"],
        ),
        ("async fn a(&mut self) -> R", &[NO_MUTABLE_SELF]),
        ("async fn a(self: Arc<Self>) -> R", &[NO_ARC_SELF]),
        (
            "async unsafe extern \"C\" fn a(&self) -> R",
            &[
                "`a` must be a plain `async fn`: remove `unsafe`",
                "`a` must be a plain `async fn`: remove `extern \"C\"`",
            ],
        ),
        (
            "async fn a<T>(&self) -> R where T: Send",
            &[
                "`a` cannot be generic, the framework calls it: name the types",
                "`a` cannot have bounds: remove the `where` clause",
            ],
        ),
        (
            "async fn a(&self)",
            &["`a` must say how it ends: add a return type `-> Result<T, E>`"],
        ),
        (
            "async fn a(&self) -> Result<&str, E>",
            &["what goes to the wire is owned: write `String` for `&str`, `Vec<T>` for `&[T]`"],
        ),
        (
            "async fn a(&self) -> impl Sized",
            &["a result cannot be `impl Trait`: the client needs a type with a name"],
        ),
    ];
    check(rows, |head| in_service(&format!("#[rpc] {head} {{}}")));
}

#[test]
fn arguments_of_a_handler() {
    let rows: &[Row] = &[
        (
            "ctx: &Context, _: &Context, mut a: u8, b: &'static str, c: Vec<Self>",
            &[],
        ),
        (
            "ctx: &mut Context",
            &[
                "what the framework lends is shared between calls: take `&T`, not \
                                `&mut T`",
            ],
        ),
        (
            "a: Option<&str>, b: Cow<'_, str>",
            &[OWNED_ARGUMENT, OWNED_ARGUMENT],
        ),
        (
            "a: impl Into<u8>",
            &[
                "an argument cannot be `impl Trait`: a message needs a type with a \
                               name",
            ],
        ),
        (
            "(a, b): (u8, u8), _: u8, &c: &u8",
            &[
                "an argument needs a plain name: the name is the field of the message; take it \
                 apart inside the method",
                "an argument needs a name: the name is the field of the message, so give it one",
                "an argument needs a plain name: take it apart inside the method",
            ],
        ),
        (
            "#[cfg(x)] a: u8",
            &["an argument cannot be conditional: put `#[cfg(..)]` on the method"],
        ),
        (
            "a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8",
            &[],
        ),
        (
            "a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8, \
             m: u8, n: u8",
            &[
                "at most 12 arguments can travel: put them into a struct and take \
               `Params<TheStruct>`",
            ],
        ),
    ];
    check(rows, |arguments| {
        in_service(&format!("#[rpc] async fn a(&self, {arguments}) -> R {{}}"))
    });
}

#[test]
fn markers_and_hooks() {
    let rows: &[Row] = &[
        (
            "#[on_start] async fn a(&self, c: &Context) -> R {} #[on_stop] async fn b(&self) {}",
            &[],
        ),
        ("#[aegis::on_stop] async fn a(&self) -> () {}", &[]),
        ("#[health] async fn a(&self, c: &Context) -> Health {}", &[]),
        (
            "#[health] async fn a(&self) {}",
            &["`a` must say how the service is: add the return type `-> Health`"],
        ),
        ("#[inline] async fn later(&self) {}", &[]),
        (
            "#[rpc] #[on_stop] async fn a(&self) -> R {}",
            &["a method is either `#[rpc]` or \
            `#[on_stop]`: make a method of its own for each"],
        ),
        (
            "#[rpc] #[aegis::rpc] async fn a(&self) -> R {}",
            &["`#[rpc]` is given twice: keep one"],
        ),
        (
            "#[rpc] const A: u8 = 1;",
            &["`#[rpc]` marks an `async fn`, and this is none"],
        ),
        (
            "#[cfg_attr(x, rpc)] async fn a(&self) -> R {}",
            &["`#[rpc]` cannot stand in a \
            `cfg_attr`: put `#[cfg(..)]` on the whole method"],
        ),
        (
            "#[on_stop(x)] fn a(&self, b: u8) -> R {}",
            &[
                "`#[on_stop]` takes no options: write `#[on_stop]` alone",
                "`a` must be an `async fn`: write `async` before `fn`",
                "nobody is left to hear the result of `a`: log what went wrong and remove the \
                 return type",
                "`#[on_stop]` hands over `&Context` and nothing else: remove this",
            ],
        ),
        (
            "#[on_start] async fn a(&self) {} #[on_start] async fn b(&self) -> R {}",
            &[
                "`a` must say whether the service may start: add the return type \
             `-> Result<(), Failure>`",
                "`a` is the `#[on_start]` of this service: call this from `a`",
            ],
        ),
    ];
    check(rows, in_service);
}

#[test]
fn three_mistakes_give_three_errors() {
    let source = r#"
        #[aegis::service(name = "two words", version = "1.0.0")]
        impl Orders {
            #[rpc(timeout = "soon")]
            async fn place(&self, id: String) -> Result<(), Failure> {}
            #[rpc]
            fn cancel(&self, id: String) -> Result<(), Failure> {}
        }
    "#;
    let errors = errors(&expanded(source));
    assert_eq!(errors.len(), 3, "{errors:#?}");
}

#[test]
fn marker_outside_of_a_service() {
    let expected = "`#[rpc]` marks a method inside an `impl` block that has \
                    `#[aegis::service(..)]`: put that attribute on the block";
    assert_eq!(errors(&expanded("#[rpc] async fn a() {}")), [expected]);
}
