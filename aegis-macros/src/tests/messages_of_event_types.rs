//! The same for types of events, and for choices of several.

use super::messages::{Row, check};
use super::{errors, expanded};

#[test]
fn types_of_events() {
    let rows: &[Row] = &[
        ("#[event(\"orders.created\")] struct A { id: String }", &[]),
        (
            "#[event(\"a-1.b_2.C\", version = \"2024-11-01, draft\",)] enum A { B }",
            &[],
        ),
        (
            "struct HTTPOrderCreated;",
            &["an event needs a name: add `#[event(\"http.order_created\")]`"],
        ),
        (
            "struct Created;",
            &["an event needs a name: add `#[event(\"domain.type\")]`"],
        ),
        (
            "struct _2Bought;",
            &["an event needs a name: add `#[event(\"domain.type\")]`"],
        ),
        (
            "#[event(version = \"1.1\")] struct OrderCreated;",
            &["an event needs a name: write it first, as in `#[event(\"order.created\")]`"],
        ),
        (
            "#[event(version = 1, \"orders.created\", name = \"a\")] struct A;",
            &[
                "the name stands before the options: as in `#[event(\"domain.type\")]`",
                "`version` takes a text, as in `version = \"1.1\"`",
                "`#[event]` has no option `name`: it takes `version`",
            ],
        ),
        (
            "#[event(\"a.b\", \"c.d\")] #[event(\"e.f\")] struct A;",
            &[
                "`#[event]` is given twice: keep one",
                "`#[event]` takes one name: keep one",
            ],
        ),
        (
            "#[event = \"a.b\"] struct A;",
            &["options go into parentheses: `#[event(..)]`"],
        ),
    ];
    check(rows, |item| format!("#[derive(Event)] {item}"));
}

#[test]
fn shapes_of_events() {
    let rows: &[Row] = &[
        (
            "#[event(\"a.b\")] enum A { #[event(\"c.d\")] B { #[event(\"e.f\")] c: u8 } }",
            &[
                "`#[event]` names the whole type: put it above the type",
                "`#[event]` names the whole type: put it above the type",
            ],
        ),
        (
            "#[event(\"a.b\")] union A { a: u8 }",
            &["an event is a struct or an enum, not a union"],
        ),
        (
            "#[event(\"a.b\")] struct A<T>(T);",
            &["an event cannot be generic: its name stands for one body, so name the types here"],
        ),
        (
            "#[event(\"a.b\")] struct A<'a, T>(&'a T);",
            &["an event owns what it says: write `String` for `&str`, `Vec<T>` for `&[T]`"],
        ),
    ];
    check(rows, |item| format!("#[derive(Event)] {item}"));
}

#[test]
fn names_and_versions_of_events() {
    let rule = "use two or more tokens joined by dots, each a letter and then letters, digits, `_` \
                or `-`, as `orders.created`";
    let rows = [
        ("", format!("is empty: {rule}")),
        ("orders", format!("has one token: {rule}")),
        (
            "orders.*",
            format!("has a wildcard, but exactly one subject is meant here: {rule}"),
        ),
        (
            "orders.",
            format!("has an empty token (two dots in a row, or a dot at an end): {rule}"),
        ),
        (
            "orders.2nd",
            format!("starts with a character that is not allowed there: {rule}"),
        ),
        (
            "orders.cre ated",
            format!("has a character that is not allowed: {rule}"),
        ),
    ];
    for (name, fault) in rows {
        let source = format!("#[derive(Event)] #[event(\"{name}\")] struct A;");
        let expected = format!("the event name `{name}` {fault}");
        assert_eq!(errors(&expanded(&source)), [expected]);
    }
    let wrong = "this is no version of an event: write 1 to 64 characters on one line, such as \
                 `1.1`";
    for (version, is_wrong) in [
        ("", true),
        ("1\\n", true),
        (&"1".repeat(65), true),
        (&"ä".repeat(64), false),
        ("v2", false),
    ] {
        let source =
            format!("#[derive(Event)] #[event(\"a.b\", version = \"{version}\")] struct A;");
        let expected: &[&str] = if is_wrong { &[wrong] } else { &[] };
        assert_eq!(errors(&expanded(&source)), expected, "{version}");
    }
}

#[test]
fn choices_of_events() {
    let rows: &[Row] = &[
        (
            "enum E { A(OrderCreated), B(x::OrderGone), #[events(other)] C(AnyEvent) }",
            &[],
        ),
        (
            "enum E { A { a: A }, B(B, C), D, #[events(other)] F, #[events(other)] G(AnyEvent), \
             #[events(other)] H(AnyEvent) }",
            &[
                "`A` must hold one event and nothing else: write `A(OrderCreated)`, with the type \
                 of your event",
                "`B` must hold one event and nothing else: write `B(OrderCreated)`, with the type \
                 of your event",
                "`D` must hold one event and nothing else: write `D(OrderCreated)`, with the type \
                 of your event",
                "`F` must hold one event and nothing else: write `F(AnyEvent)`",
                "`G` takes whatever else comes: keep one of the two",
            ],
        ),
        (
            "#[event(\"a.b\")] #[events(other)] enum E { A(A) }",
            &[
                "an enum is either one event or a choice of several: derive `aegis::Event` or \
                 `aegis::Events`",
                "`#[events]` says what one variant takes: put it on a variant",
            ],
        ),
        (
            "enum E { #[events] A(A), #[events(rest)] B(B), #[events = \"other\"] C(C), \
             D(#[events(other)] D), #[events(other)] #[events(other)] F(AnyEvent) }",
            &[
                "`#[events]` says nothing: write `#[events(other)]` for the variant that takes \
                 whatever else comes",
                "`#[events]` has no option `rest`: it takes `other`",
                "options go into parentheses: `#[events(..)]`",
                "`#[events]` says nothing about a field: put it on the variant",
                "`#[events]` is given twice: keep one",
            ],
        ),
        (
            "enum E {}",
            &["a choice of events needs a variant: each one holds an event"],
        ),
        (
            "struct E(A);",
            &["a choice of events is an enum, each variant of which holds one of them"],
        ),
        (
            "enum E<T> { A(T) }",
            &[
                "a choice of events cannot be generic: what arrives has a type, so name the types here",
            ],
        ),
    ];
    check(rows, |item| format!("#[derive(Events)] {item}"));
}
