//! Many transactions over one connection.

use crate::stage::{Scene, mail, some_moment};
use gatepost_mail::Octets;
use gatepost_smtp::{ClientLimits, ClientSession, ClientStep, Transaction};
use std::time::Duration;

fn to(path: &str) -> Transaction {
    mail("<>", &[path])
}

#[test]
fn transactions_follow_one_another() {
    let one =
        "C MAIL FROM:<>\nC RCPT TO:<b@y.example>\nC DATA\nS 250 a\nS 250 b\nS 354 go\nC x\nC .\nS 250 ok\n";
    Scene::opened(&["PIPELINING"], &format!("{one}{one}{one}C QUIT\nS 221 bye"))
        .sending(to("<b@y.example>"), "x\r\n")
        .sending(to("<b@y.example>"), "x\r\n")
        .sending(to("<b@y.example>"), "x\r\n")
        .gives(&[
            "delivered 250 ok",
            "usable",
            "delivered 250 ok",
            "usable",
            "delivered 250 ok",
            "usable",
            "close",
        ]);
}

#[test]
fn what_is_left_over_is_reset_before_the_next_one() {
    // Pipelined with it, and only where something is left over.
    let script = "C MAIL FROM:<>\nC RCPT TO:<b@y.example>\nC DATA\nS 250 a\nS 550 no\nS 503 no\n\
                  C RSET\nC MAIL FROM:<>\nC RCPT TO:<c@y.example>\nC DATA\nS 250 r\nS 250 a\nS 550 no\nS 354 go\n\
                  C .\nS 554 no\nC MAIL FROM:<>\nC RCPT TO:<d@y.example>\nC DATA\nS 550 never\nS 503 x\nS 503 x\n\
                  C MAIL FROM:<>\nC RCPT TO:<e@y.example>\nC DATA\nS 250 a\nS 250 b\nS 354 go\nC x\nC .\nS 250 ok\n\
                  C QUIT\nS 221 bye";
    Scene::opened(&["PIPELINING"], script)
        .sending(to("<b@y.example>"), "x\r\n")
        .sending(to("<c@y.example>"), "x\r\n")
        .sending(to("<d@y.example>"), "x\r\n")
        .sending(to("<e@y.example>"), "x\r\n")
        .gives(&[
            "failed 550 no",
            "usable",
            "failed 550 no",
            "usable",
            "failed 550 never",
            "usable",
            "delivered 250 ok",
            "usable",
            "close",
        ]);
    let script = "C MAIL FROM:<>\nS 250 a\nC RCPT TO:<b@y.example>\nS 550 no\nC RSET\nS 250 r\nC MAIL FROM:<>\n\
                  S 250 a\nC RCPT TO:<c@y.example>\nS 250 b\nC DATA\nS 354 go\nC x\nC .\nS 250 ok\nC QUIT\nS 221 bye";
    Scene::opened(&[], script)
        .sending(to("<b@y.example>"), "x\r\n")
        .sending(to("<c@y.example>"), "x\r\n")
        .gives(&["failed 550 no", "usable", "delivered 250 ok", "usable", "close"]);
}

#[test]
fn a_refused_reset_ends_the_session() {
    let script = "C MAIL FROM:<>\nS 250 a\nC RCPT TO:<b@y.example>\nS 550 no\nC RSET\nS 502 what?";
    Scene::opened(&[], script)
        .sending(to("<b@y.example>"), "x\r\n")
        .sending(to("<c@y.example>"), "x\r\n")
        .gives(&[
            "failed 550 no",
            "usable",
            "interrupted: a reply that makes no sense at RSET: 502 what?",
            "ended",
            "close",
        ]);
}

#[test]
fn a_server_may_end_it_between_transactions() {
    let one =
        "C MAIL FROM:<>\nC RCPT TO:<b@y.example>\nC DATA\nS 250 a\nS 250 b\nS 354 go\nC x\nC .\nS 250 ok\n";
    let rows = [
        ("S 421 4.4.2 idle", "broken: the server closes the connection: 421 4.4.2 idle"),
        ("hangup", "broken: the connection was lost between transactions"),
        ("S 250 again", "broken: a reply that makes no sense between transactions: 250 again"),
    ];
    for (script, told) in rows {
        Scene::opened(&["PIPELINING"], &format!("{one}{script}"))
            .sending(to("<b@y.example>"), "x\r\n")
            .gives(&["delivered 250 ok", "usable", told, "close"]);
    }
}

#[test]
fn no_more_transactions_are_begun_than_the_server_takes() {
    let one =
        "C MAIL FROM:<>\nC RCPT TO:<b@y.example>\nC DATA\nS 250 a\nS 250 b\nS 354 go\nC x\nC .\nS 250 ok\n";
    Scene::opened(&["PIPELINING", "LIMITS MAILMAX=2"], &format!("{one}{one}C QUIT\nS 221 bye"))
        .sending(to("<b@y.example>"), "x\r\n")
        .sending(to("<b@y.example>"), "x\r\n")
        .gives(&["delivered 250 ok", "usable", "delivered 250 ok", "ended", "close"]);
}

#[test]
fn each_wait_has_its_own_length() {
    let limits = ClientLimits {
        greeting: Duration::from_secs(1),
        reply: Duration::from_secs(2),
        data_initiation: Duration::from_secs(3),
        content_block: Duration::from_secs(4),
        final_reply: Duration::from_secs(5),
        farewell: Duration::from_secs(6),
        along: Octets(0),
    };
    let start = some_moment();
    let scene = Scene::new("").with(|settings| settings.limits = limits.into());
    let mut session = ClientSession::start(scene.settings, start);
    let after = |seconds| start + Duration::from_secs(seconds);
    assert_eq!(session.deadline(), after(1));
    session.receive(b"220 x\r\n", start);
    assert_eq!(session.deadline(), after(2));
    // Octets that are no whole reply do not make the wait longer.
    session.receive(b"250-x\r\n", after(1));
    assert_eq!(session.deadline(), after(2));
    session.receive(b"250 x\r\n", start);
    assert!(matches!(session.step(), ClientStep::Write(_)));
    assert!(matches!(session.step(), ClientStep::Ready));
    session.expire(after(1000));
    assert!(matches!(session.step(), ClientStep::Ready), "an idle connection is the driver's matter");
    session.send(to("<b@y.example>"), after(100)).unwrap();
    assert!(matches!(session.step(), ClientStep::Write(b"MAIL FROM:<>\r\n")));
    assert_eq!(session.deadline(), after(102));
    session.receive(b"250 a\r\n250 b\r\n", after(101));
    assert!(matches!(session.step(), ClientStep::Write(_)));
    assert_eq!(session.deadline(), after(104));
    session.receive(b"354 go\r\n", after(102));
    session.content(b"x\r\n", gatepost_smtp::More::ThereIsMore, after(110)).unwrap();
    assert_eq!(session.deadline(), after(114));
    assert!(matches!(session.step(), ClientStep::Write(_)));
    session.content(b"x\r\n", gatepost_smtp::More::Last, after(120)).unwrap();
    assert_eq!(session.deadline(), after(125));
    session.receive(b"250 ok\r\n", after(121));
    session.quit(after(130));
    assert_eq!(session.deadline(), after(136));
}
