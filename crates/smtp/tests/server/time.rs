//! Silence ends, and so does trickling: the tests hand in a later time; nothing waits.

use std::time::Duration;

use gatepost_smtp::{Answer, Limits, Step};
use gatepost_testworld::dialogue::Subject as _;

use crate::bench::Bench;
use crate::desk::Service;

const COMMAND: Duration = Duration::from_secs(300);
const CONTENT: Duration = Duration::from_secs(600);
const SECOND: Duration = Duration::from_secs(1);
const TOO_SLOW: &[u8] = b"421 4.4.2 Nothing came for too long; closing\r\n";
const DATA: &[u8] = b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.org>\r\nDATA\r\n";

fn begun() -> Bench {
    let mut bench = Bench::new(Service::Mx, Limits::default());
    bench.begin();
    bench
}

#[test]
fn silence_ends_the_session() {
    let mut bench = begun();
    let start = bench.now();
    assert_eq!(bench.session().deadline(), start + COMMAND);
    bench.session().expire(start + COMMAND - SECOND);
    assert_eq!(bench.drive(), b"");
    bench.session().expire(start + COMMAND);
    assert_eq!(bench.drive(), TOO_SLOW);
    assert!(bench.is_closed());
}

#[test]
fn a_command_moves_the_deadline_and_a_trickle_does_not() {
    let mut bench = begun();
    let start = bench.now();
    bench.session().receive(b"NOOP\r\n", start + 10 * SECOND);
    bench.drive();
    assert_eq!(bench.session().deadline(), start + 10 * SECOND + COMMAND);
    for second in 11..200 {
        bench.session().receive(b"N", start + second * SECOND);
        bench.drive();
    }
    assert_eq!(bench.session().deadline(), start + 10 * SECOND + COMMAND);
}

#[test]
fn silence_in_content_drops_what_came() {
    let mut bench = begun();
    let start = bench.now();
    bench.receive(DATA);
    bench.session().receive(b"hello\r\n", start + 10 * SECOND);
    bench.drive();
    assert_eq!(bench.session().deadline(), start + 10 * SECOND + CONTENT);
    // The decisions before the content may have taken time: the first call grants the client its own.
    bench.session().expire(start + 10 * SECOND + CONTENT);
    assert_eq!(bench.drive(), TOO_SLOW);
    assert_eq!(bench.asked.last().unwrap(), "Abort");
}

#[test]
fn content_that_trickles_ends_too() {
    let mut bench = begun();
    let start = bench.now();
    bench.receive(DATA);
    let limit = Limits::default().content_time;
    let mut now = start;
    while now < start + limit {
        bench.session().receive(b"x\r\n", now);
        bench.drive();
        assert!(bench.session().deadline() <= start + limit);
        now += 500 * SECOND;
    }
    bench.session().expire(start + limit);
    assert_eq!(bench.drive(), TOO_SLOW);
}

#[test]
fn the_time_of_a_decision_is_not_the_clients() {
    let mut bench = begun();
    let start = bench.now();
    bench.session().receive(b"EHLO c\r\n", start);
    let session = bench.session();
    assert!(matches!(session.step(), Step::Ask(_)));
    session.expire(start + 2 * COMMAND);
    assert_eq!(session.step(), Step::Idle);
    session.answer(Answer::Permit);
    assert!(matches!(session.step(), Step::Write(_)));
    assert_eq!(session.step(), Step::Idle);
    session.expire(start + 2 * COMMAND);
    assert_eq!(session.step(), Step::Idle);
    assert_eq!(session.deadline(), start + 3 * COMMAND);
    session.expire(start + 3 * COMMAND);
    assert_eq!(session.step(), Step::Write(TOO_SLOW));
    assert_eq!(session.step(), Step::Close);
}
