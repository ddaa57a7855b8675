//! Tables of effects and calls: what keeps all invariants, and what breaks I2, I3, I4 or I13.

use super::super::Invariant::{I2, I3, I4, I13};
use super::super::What;
use super::story::{
    LIMITS, Said, act, broken, failed, fault, history, invoke, judged, lead, ok, total,
};

/// A leader that nothing happens to, and more.
fn led(mut more: Vec<Said>) -> Vec<Said> {
    more.push(lead("a", 0, 1, 1000));
    more
}

#[test]
fn i2_acts_in_time_have_growing_epochs() {
    judged(vec![
        (
            "one after the other",
            led(vec![
                act("a", (10, 20), 1, ("x", 1)),
                act("a", (30, 40), 1, ("y", 1)),
                act("b", (50, 60), 2, ("x", 2)),
            ]),
            &[],
        ),
        (
            "an old one that may have been accepted before",
            led(vec![
                act("b", (10, 20), 2, ("x", 1)),
                act("a", (20, 30), 1, ("y", 1)),
            ]),
            &[],
        ),
        (
            "an old one that was asked for after, on another key",
            led(vec![
                act("b", (10, 20), 2, ("x", 1)),
                act("a", (21, 30), 1, ("y", 1)),
            ]),
            &[I2],
        ),
        (
            "each one that was too late",
            led(vec![
                act("b", (10, 20), 3, ("x", 1)),
                act("b", (21, 30), 2, ("y", 1)),
                act("a", (31, 40), 1, ("z", 1)),
            ]),
            &[I2, I2],
        ),
        (
            "the greatest epoch counts, not the last one",
            led(vec![
                act("b", (10, 20), 3, ("x", 1)),
                act("a", (15, 25), 2, ("y", 1)),
                act("a", (30, 40), 2, ("z", 1)),
            ]),
            &[I2],
        ),
    ]);
}

#[test]
fn i4_no_old_epoch_is_accepted_on_a_key() {
    judged(vec![
        (
            "at the same time, in the right order",
            led(vec![
                act("a", (10, 30), 1, ("x", 1)),
                act("b", (10, 20), 2, ("x", 2)),
            ]),
            &[],
        ),
        (
            "at the same time, and the store took the old one last",
            led(vec![
                act("b", (10, 30), 2, ("x", 1)),
                act("a", (12, 20), 1, ("x", 2)),
            ]),
            &[I4],
        ),
        (
            "the same, asked for the other way round",
            led(vec![
                act("a", (10, 30), 1, ("x", 2)),
                act("b", (12, 20), 2, ("x", 1)),
            ]),
            &[I4],
        ),
        (
            "values of two keys say nothing about each other",
            led(vec![
                act("b", (10, 30), 2, ("x", 1)),
                act("a", (12, 20), 1, ("y", 2)),
            ]),
            &[],
        ),
        (
            "one after the other, which the clock knows as well",
            led(vec![
                act("b", (10, 20), 2, ("x", 1)),
                act("a", (30, 40), 1, ("x", 2)),
            ]),
            &[I2, I4],
        ),
        (
            "the clock goes before values, for a store that was lost counts anew",
            led(vec![
                act("a", (10, 20), 1, ("x", 2)),
                act("b", (30, 40), 2, ("x", 1)),
            ]),
            &[],
        ),
        (
            "an old one is told once, though two were before",
            led(vec![
                act("b", (10, 20), 2, ("x", 1)),
                act("b", (25, 50), 2, ("x", 2)),
                act("a", (30, 40), 1, ("x", 3)),
            ]),
            &[I2, I4],
        ),
    ]);
}

#[test]
fn i3_a_counter_gives_each_value_once() {
    judged(vec![
        (
            "one after the other",
            led(vec![
                invoke(0, 1),
                ok(10, 1, 1),
                invoke(11, 2),
                ok(20, 2, 2),
                total(30, 2),
            ]),
            &[],
        ),
        (
            "at the same time in any order",
            led(vec![invoke(0, 1), invoke(5, 2), ok(10, 2, 1), ok(20, 1, 2)]),
            &[],
        ),
        (
            "one value twice, one after the other",
            led(vec![
                invoke(0, 1),
                ok(10, 1, 1),
                invoke(11, 2),
                ok(20, 2, 1),
                total(30, 2),
            ]),
            &[I3],
        ),
        (
            "a smaller value than one returned before",
            led(vec![
                invoke(0, 1),
                ok(10, 1, 2),
                invoke(11, 2),
                ok(20, 2, 1),
            ]),
            &[I3],
        ),
    ]);
}

#[test]
fn i3_a_counter_goes_forward_in_time() {
    judged(vec![
        (
            "at the moment when a greater one returned, not after it",
            led(vec![
                invoke(0, 1),
                ok(10, 1, 2),
                invoke(10, 2),
                ok(20, 2, 1),
            ]),
            &[],
        ),
        (
            "a smaller value than the greatest one returned before, not than the last one",
            led(vec![
                invoke(0, 1),
                invoke(0, 2),
                ok(10, 1, 3),
                ok(11, 2, 1),
                invoke(12, 3),
                ok(20, 3, 2),
            ]),
            &[I3],
        ),
    ]);
}

#[test]
fn i3_a_counter_counts_what_may_have_run_and_nothing_else() {
    judged(vec![
        (
            "what is unknown may have run, or not",
            led(vec![
                invoke(0, 1),
                ok(10, 1, 1),
                invoke(11, 2),
                failed(20, 2, false),
                total(30, 1),
            ]),
            &[],
        ),
        (
            "and if it ran, it counted",
            led(vec![
                invoke(0, 1),
                ok(10, 1, 1),
                invoke(11, 2),
                failed(20, 2, false),
                total(30, 2),
            ]),
            &[],
        ),
        (
            "but once",
            led(vec![
                invoke(0, 1),
                ok(10, 1, 1),
                invoke(11, 2),
                failed(20, 2, false),
                total(30, 3),
            ]),
            &[I3],
        ),
        (
            "what was said not to run did run",
            led(vec![
                invoke(0, 1),
                ok(10, 1, 1),
                invoke(11, 2),
                failed(20, 2, true),
                total(30, 2),
            ]),
            &[I3],
        ),
    ]);
}

#[test]
fn i3_what_did_not_run_is_missed_without_a_final_line_too() {
    judged(vec![
        (
            "the same, seen by the next value only",
            led(vec![
                invoke(0, 2),
                failed(5, 2, true),
                invoke(10, 1),
                ok(20, 1, 2),
            ]),
            &[I3],
        ),
        (
            "the same, seen by the leader only",
            led(vec![
                invoke(0, 2),
                failed(5, 2, true),
                act("a", (1, 2), 1, ("", 1)),
            ]),
            &[I3],
        ),
        (
            "acts on something else are no counter",
            led(vec![
                invoke(0, 2),
                failed(5, 2, true),
                act("a", (1, 2), 1, ("x", 1)),
            ]),
            &[],
        ),
    ]);
}

#[test]
fn i3_a_counter_loses_nothing() {
    judged(vec![
        (
            "an acknowledged value is lost",
            led(vec![
                invoke(0, 1),
                ok(10, 1, 1),
                invoke(11, 2),
                ok(20, 2, 2),
                total(30, 1),
            ]),
            &[I3, I3],
        ),
        (
            "one is lost behind a call of unknown outcome",
            led(vec![
                invoke(0, 1),
                failed(10, 1, false),
                invoke(11, 2),
                ok(20, 2, 2),
                total(30, 1),
            ]),
            &[I3],
        ),
        (
            "a call that never ended may have run",
            led(vec![invoke(0, 1), total(30, 1)]),
            &[I13],
        ),
    ]);
}

#[test]
fn i3_counters_do_not_mix() {
    let other = |at, id, value| {
        let (key, deadline) = ("other".to_owned(), at + 100);
        let invoke = What::Invoke { id, key, deadline };
        [
            ("else", at, invoke),
            ("else", at + 5, What::Ok { id, value }),
        ]
    };
    let mut said = led(vec![invoke(0, 1), ok(10, 1, 1), total(30, 1)]);
    said.extend(other(20, 1, 1));
    assert_eq!(broken(&said), []);
    said.extend(other(40, 2, 1));
    // Twice the same value, and one less than was returned.
    assert_eq!(broken(&said), [I3, I3]);
}

#[test]
fn i13_calls_end_in_time() {
    judged(vec![
        ("in time", led(vec![invoke(0, 1), ok(110, 1, 1)]), &[]),
        ("too late", led(vec![invoke(0, 1), ok(111, 1, 1)]), &[I13]),
        (
            "too late, with an error",
            led(vec![invoke(0, 1), failed(111, 1, true)]),
            &[I13],
        ),
        ("never", led(vec![invoke(0, 1)]), &[I13]),
    ]);
}

#[test]
fn a_violation_shows_its_lines_and_a_test_fails_with_all() {
    let said = [
        lead("a", 0, 1, 100),
        lead("b", 99, 2, 200),
        fault(90, 95),
        invoke(0, 1),
    ];
    let history = history(&said).unwrap();
    let failed = std::panic::catch_unwind(|| history.assert_kept(&LIMITS)).unwrap_err();
    let text = failed.downcast_ref::<String>().unwrap();
    assert_eq!(
        text,
        "I1 (never two leaders at one time): a (epoch 1) and b (epoch 2) led at the same time, \
         for 1ns or more\n    \
         a.jsonl:1: {\"at\":0,\"process\":\"a\",\"what\":{\"lead\":{\"epoch\":1,\"until\":100}}}\n    \
         b.jsonl:1: {\"at\":99,\"process\":\"b\",\"what\":{\"lead\":{\"epoch\":2,\"until\":200}}}\n\
         I13 (every call ends in time): a call never ended\n    \
         client.jsonl:1: \
         {\"at\":0,\"process\":\"client\",\"what\":{\"invoke\":{\"id\":1,\"deadline\":100}}}"
    );
}
