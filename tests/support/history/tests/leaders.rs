//! Tables of leaders: what keeps all invariants, and what breaks I1, I5, I10 or I11.

use super::super::Invariant::{I1, I5, I10, I11};
use super::story::{Said, fault, judged, lead, over};

#[test]
fn i1_leases_do_not_overlap() {
    judged(vec![
        (
            "the next one begins where the last one ends",
            vec![lead("a", 0, 1, 100), lead("b", 100, 2, 200), fault(90, 95)],
            &[],
        ),
        (
            "it does not",
            vec![lead("a", 0, 1, 100), lead("b", 99, 2, 200), fault(90, 95)],
            &[I1],
        ),
        (
            "an extension counts",
            vec![
                lead("a", 0, 1, 100),
                lead("a", 50, 1, 150),
                lead("b", 100, 2, 200),
                fault(90, 95),
            ],
            &[I1],
        ),
        (
            "what is over is not valid",
            vec![
                lead("a", 0, 1, 100),
                over("a", 60, 1),
                lead("b", 60, 2, 160),
                fault(50, 60),
            ],
            &[],
        ),
        (
            "over too late",
            vec![
                lead("a", 0, 1, 100),
                over("a", 61, 1),
                lead("b", 60, 2, 160),
                fault(50, 60),
            ],
            &[I1],
        ),
        (
            "the newest word counts, also if it is shorter",
            vec![
                lead("a", 0, 1, 100),
                lead("a", 50, 1, 60),
                lead("b", 60, 2, 160),
                fault(50, 60),
            ],
            &[],
        ),
    ]);
}

#[test]
fn i1_late_words_and_many_leaders() {
    judged(vec![
        (
            "a lease that was valid again, in the middle of another one",
            vec![
                lead("a", 0, 1, 100),
                lead("b", 110, 2, 300),
                lead("a", 150, 1, 170),
                fault(50, 90),
            ],
            &[I1],
        ),
        (
            "who learns too late that it was elected has never led",
            vec![
                lead("a", 0, 1, 100),
                lead("c", 130, 3, 230),
                lead("b", 150, 2, 120),
                fault(50, 100),
            ],
            &[],
        ),
        (
            "each pair is told once, and three are three pairs",
            vec![
                lead("a", 0, 1, 100),
                lead("b", 10, 2, 100),
                lead("a", 20, 1, 100),
                lead("b", 30, 2, 100),
                lead("c", 40, 3, 100),
                fault(5, 5),
            ],
            &[I1, I1, I1],
        ),
        (
            "one process has one lease at a time, whatever it says",
            vec![lead("a", 0, 1, 100), lead("a", 50, 2, 150), fault(40, 45)],
            &[],
        ),
    ]);
}

#[test]
fn i5_epochs_grow_and_never_repeat() {
    judged(vec![
        (
            "they grow, with gaps",
            vec![
                lead("a", 0, 1, 50),
                lead("b", 60, 7, 100),
                lead("a", 110, 9, 150),
                fault(0, 110),
            ],
            &[],
        ),
        (
            "they shrink",
            vec![lead("a", 0, 2, 50), lead("b", 60, 1, 100), fault(0, 60)],
            &[I5],
        ),
        (
            "two have one",
            vec![lead("a", 0, 1, 50), lead("b", 60, 1, 100), fault(0, 60)],
            &[I5],
        ),
        (
            "two have one, and the second came too late to use it",
            vec![lead("a", 0, 1, 50), lead("b", 60, 1, 55)],
            &[I5],
        ),
        (
            "one comes back from its end",
            vec![lead("a", 0, 1, 50), over("a", 40, 1), lead("a", 60, 1, 100)],
            &[I5],
        ),
        (
            "one stood still and goes on",
            vec![lead("a", 0, 1, 50), lead("a", 60, 1, 100)],
            &[],
        ),
    ]);
}

#[test]
fn i10_a_leader_stays_without_a_fault() {
    let change = |more: Vec<Said>| {
        let mut said = vec![
            lead("a", 0, 1, 100),
            lead("b", 200, 2, 300),
            lead("b", 290, 2, 400),
        ];
        said.extend(more);
        said
    };
    judged(vec![
        (
            "it stays",
            vec![lead("a", 0, 1, 100), lead("a", 90, 1, 200)],
            &[],
        ),
        ("nothing happened", change(vec![]), &[I10]),
        ("a fault", change(vec![fault(90, 210)]), &[]),
        ("a fault, and its grace", change(vec![fault(90, 150)]), &[]),
        ("a fault too long ago", change(vec![fault(90, 149)]), &[I10]),
        (
            "a fault that is still to come",
            change(vec![fault(201, 210)]),
            &[I10],
        ),
        (
            "the same process as another leader",
            vec![lead("a", 0, 1, 100), lead("a", 110, 2, 200)],
            &[I10],
        ),
    ]);
}

#[test]
fn i11_a_leader_is_there_soon_after_the_last_fault() {
    judged(vec![
        (
            "soon",
            vec![
                lead("a", 0, 1, 100),
                fault(10, 20),
                fault(30, 150),
                lead("a", 250, 1, 400),
            ],
            &[],
        ),
        (
            "later",
            vec![
                lead("a", 0, 1, 100),
                fault(10, 20),
                fault(30, 150),
                lead("a", 251, 1, 400),
            ],
            &[I11],
        ),
        (
            "never, though a lease is still valid",
            vec![lead("a", 0, 1, 500), fault(10, 20)],
            &[I11],
        ),
        (
            "told, but too late",
            vec![lead("a", 0, 1, 500), fault(10, 20), lead("a", 30, 1, 29)],
            &[I11],
        ),
        ("none at all", vec![over("a", 0, 1)], &[I11]),
        (
            "from the beginning if there is no fault",
            vec![over("b", 0, 1), lead("a", 101, 2, 200)],
            &[I11],
        ),
    ]);
}
