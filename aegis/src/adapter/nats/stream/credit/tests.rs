//! Credit as a table of what happens, and of what is asked for then.

use super::*;

const NO_LIMITS: Limits = Limits {
    batch: None,
    expires: None,
};

fn credit() -> (Credit, Instant) {
    let now = Instant::now();
    (Credit::new(Terms::within(NO_LIMITS), now), now)
}

fn batch(credit: &mut Credit, now: Instant) -> Option<u64> {
    credit.due(now).map(|request| request.batch)
}

/// The credit after one request, which asked for so many.
fn after(count: u64) -> (Credit, Request, Instant) {
    let (mut credit, now) = credit();
    credit.more(count);
    let request = credit.due(now).unwrap();
    assert_eq!(request.batch, count);
    (credit, request, now)
}

fn deliver(credit: &mut Credit, count: u64, now: Instant) -> u64 {
    let each = (0..count).filter_map(|_| credit.delivered(now));
    each.count() as u64
}

#[test]
fn what_is_asked_for_is_asked_of_the_server_in_few_requests() {
    let (mut credit, now) = credit();
    assert_eq!(batch(&mut credit, now), None);
    credit.more(100);
    assert_eq!(batch(&mut credit, now), Some(100));
    for _ in 0..50 {
        assert_eq!(batch(&mut credit, now), None, "less than is outstanding");
        credit.delivered(now).unwrap();
        credit.more(1);
    }
    assert_eq!(batch(&mut credit, now), Some(50));
    assert_eq!(batch(&mut credit, now), None);
}

#[test]
fn nothing_is_taken_beyond_what_was_asked_for() {
    let (mut credit, _, now) = after(3);
    assert_eq!(deliver(&mut credit, 5, now), 3);
    credit.more(1);
    assert_eq!(deliver(&mut credit, 2, now), 1, "one that came late");
    assert_eq!(batch(&mut credit, now), None);
}

#[test]
fn the_rest_of_a_request_that_ended_is_asked_for_again() {
    let later = Duration::from_secs(30);
    for (name, delivered, pending, expected) in [
        ("nothing came", 0, Some(10), Some(10)),
        ("a part came", 4, Some(6), Some(6)),
        ("a part is on the way", 4, Some(3), Some(3)),
        ("it does not say", 4, None, Some(6)),
        ("it says too much", 4, Some(u64::MAX), Some(6)),
        ("all came", 10, None, None),
        ("all came, and nothing is left", 10, Some(0), None),
    ] {
        let (mut credit, request, now) = after(10);
        deliver(&mut credit, delivered, now);
        credit.ended(request, pending, now + later).unwrap();
        assert_eq!(batch(&mut credit, now + later), expected, "{name}");
        let all = deliver(&mut credit, 100, now + later);
        assert_eq!(all + delivered, 10, "{name}: in all");
    }
}

#[test]
fn what_was_not_sent_or_of_no_use_is_asked_for_again() {
    let (mut credit, request, now) = after(10);
    credit.unsent(request);
    assert_eq!(batch(&mut credit, now), Some(10));
    deliver(&mut credit, 10, now);
    credit.useless();
    assert_eq!(batch(&mut credit, now), Some(1));
}

#[test]
fn requests_that_do_not_wait_end_it() {
    let (mut credit, _) = credit();
    let soon = Duration::from_millis(999);
    let mut now = credit.begun;
    credit.more(1);
    let mut end = |credit: &mut Credit, wait: Duration| {
        let request = credit.due(now).unwrap();
        now += wait;
        credit.ended(request, None, now).is_some()
    };
    let lasted = [soon, soon, QUICK, soon, soon].map(|wait| end(&mut credit, wait));
    assert_eq!(lasted, [true; 5], "one of them waited");
    assert!(!end(&mut credit, soon), "the third in a row");
}

#[test]
fn silence_is_a_fault_while_something_is_outstanding() {
    let (mut credit, now) = credit();
    let at = |seconds: u64| now + Duration::from_secs(seconds);
    assert_eq!(credit.look(at(100)), Look::At(at(100) + QUIET));
    assert_eq!(
        credit.heard(at(100)),
        at(100),
        "nothing to say is no silence"
    );
    credit.more(2);
    credit.due(at(100)).unwrap();
    assert_eq!(credit.heard(at(105)), at(100));
    assert_eq!(credit.look(at(105)), Look::At(at(100) + QUIET));
    credit.hear(at(106));
    assert_eq!(credit.look(at(110)), Look::At(at(106) + QUIET));
    credit.delivered(at(112)).unwrap();
    assert_eq!(credit.look(at(120)), Look::At(at(112) + QUIET));
    assert_eq!(credit.heard(at(120)), at(112));
    assert_eq!(credit.look(at(112) + QUIET), Look::Silent);
    credit.delivered(at(130)).unwrap();
    assert_eq!(credit.look(at(500)), Look::At(at(500) + QUIET));
}

#[test]
fn requests_that_nobody_said_a_word_about_are_made_again() {
    let (mut credit, _, now) = after(10);
    deliver(&mut credit, 4, now);
    let end = now + EXPIRES + SLACK;
    let before = end - Duration::from_millis(1);
    credit.hear(before);
    assert_eq!(credit.look(before), Look::At(end));
    assert_eq!(batch(&mut credit, before), None);
    assert_eq!(credit.look(end), Look::At(end + QUIET));
    assert_eq!(batch(&mut credit, end), Some(6));
    assert_eq!(deliver(&mut credit, 10, end), 6);
}

#[test]
fn what_others_still_wait_for_is_not_taken_for_lost() {
    let (mut credit, first, now) = after(10);
    let later = now + Duration::from_secs(20);
    credit.more(10);
    assert_eq!(batch(&mut credit, later), Some(10));
    let end = now + EXPIRES + SLACK;
    credit.hear(end);
    credit.ended(first, Some(10), end).unwrap();
    assert_eq!(credit.look(end), Look::At(end + QUIET));
    assert_eq!(batch(&mut credit, end), Some(10), "the first, again");
    assert_eq!(deliver(&mut credit, 100, end), 20);
}

#[test]
fn a_busy_reader_remembers_a_bounded_number_of_requests() {
    let (mut credit, now) = credit();
    credit.more(2);
    for milli in 0..100_000 {
        let now = now + Duration::from_millis(milli);
        credit.due(now);
        credit.delivered(now).unwrap();
        credit.more(1);
        credit.look(now);
        assert!(credit.living.len() < 100);
    }
}

#[test]
fn terms_keep_the_limits_of_the_consumer() {
    let seconds = Duration::from_secs;
    for (batch, expires, expected) in [
        (None, None, (16_384, 16_384, seconds(30), seconds(5))),
        (
            Some(10),
            Some(seconds(4)),
            (10, 320, seconds(4), seconds(2)),
        ),
        (
            Some(u64::MAX),
            Some(seconds(90)),
            (16_384, 16_384, seconds(30), seconds(5)),
        ),
    ] {
        let terms = Terms::within(Limits { batch, expires });
        let found = (terms.batch, terms.most, terms.expires, terms.heartbeat);
        assert_eq!(found, expected);
    }
    let limits = Limits {
        batch: Some(1),
        expires: None,
    };
    let mut credit = Credit::new(Terms::within(limits), Instant::now());
    credit.more(u64::MAX);
    let requests = std::iter::from_fn(|| credit.due(credit.begun)).count();
    assert!((16..=32).contains(&requests), "{requests}");
}

#[test]
fn tokens_are_read_as_they_were_written() {
    let (_, request, _) = after(7);
    assert_eq!(Request::parse(&request.token()), Some(request));
    for token in ["", "1", "1-2", "1-2-3-4", "a-b-c", "1--2-3", "1-2-"] {
        assert_eq!(Request::parse(token), None, "{token}");
    }
}
