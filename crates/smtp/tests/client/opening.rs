//! Greeting, EHLO, HELO, STARTTLS, QUIT.

use crate::stage::Scene;
use gatepost_smtp::{AuthUse, TlsUse};

#[test]
fn a_server_of_today_is_greeted_and_left() {
    Scene::opened(&["PIPELINING", "SIZE 1000"], "C QUIT\nS 221 bye").gives(&["close"]);
}

#[test]
fn a_greeting_may_have_many_lines() {
    Scene::new("S 220-mx.example\nS 220-be nice\nS 220\nC EHLO us.example\nS 250 mx\nC QUIT\nS 221 bye")
        .gives(&["close"]);
}

#[test]
fn helo_serves_where_ehlo_is_unknown() {
    for code in [500, 501, 502, 504, 550, 554] {
        Scene::new(&format!(
            "S 220 old\nC EHLO us.example\nS {code} what?\nC HELO us.example\nS 250 hi\nC QUIT\nS 221 x"
        ))
        .gives(&["close"]);
    }
}

#[test]
fn a_server_that_will_not_is_left_politely() {
    let rows = [
        ("S 554 5.7.1 go away", "broken: refused at the greeting: 554 5.7.1 go away"),
        ("S 450 later", "broken: refused at the greeting: 450 later"),
        ("S 220 x\nC EHLO us.example\nS 451 4.3.0 not now", "broken: refused at EHLO: 451 4.3.0 not now"),
        (
            "S 220 x\nC EHLO us.example\nS 550 no\nC HELO us.example\nS 550 5.7.1 I mean it",
            "broken: refused at EHLO: 550 5.7.1 I mean it",
        ),
    ];
    for (script, told) in rows {
        Scene::new(&format!("{script}\nC QUIT\nS 221 bye")).gives(&[told, "close"]);
        Scene::new(&format!("{script}\nC QUIT\nhangup")).gives(&[told, "close"]);
        Scene::new(&format!("{script}\nC QUIT\nexpire")).gives(&[told, "close"]);
    }
}

#[test]
fn a_server_that_makes_no_sense_is_left_at_once() {
    let rows = [
        ("S 250 hello", "broken: a reply that makes no sense at the greeting: 250 hello"),
        ("S 354 go", "broken: a reply that makes no sense at the greeting: 354 go"),
        ("S SSH-2.0-OpenSSH_9.2", "broken: the server sent a line that does not begin with a reply code"),
        ("S 421 4.3.2 full", "broken: the server closes the connection: 421 4.3.2 full"),
        ("hangup", "broken: the connection was lost at the greeting"),
        ("expire", "broken: nothing came for too long at the greeting"),
        ("S 220 x\nC EHLO us.example\nS 220 x", "broken: a reply that makes no sense at EHLO: 220 x"),
        ("S 220 x\nC EHLO us.example\nS 250-a\nS 250-b\nhangup", "broken: the connection was lost at EHLO"),
        ("S 220 x\nC EHLO us.example\nS 421 bye", "broken: the server closes the connection: 421 bye"),
        ("S 220 x\nC EHLO us.example\nhangup", "broken: the connection was lost at EHLO"),
        ("S 220 x\nC EHLO us.example\nexpire", "broken: nothing came for too long at EHLO"),
        (
            "S 220 x\nC EHLO us.example\nS 250 a\nS 250 b",
            "broken: a reply that makes no sense between transactions: 250 b",
        ),
        ("S 220 x\nC EHLO us.example\nS 250 a\nS 421 b", "broken: the server closes the connection: 421 b"),
        (
            "S 220 x\nC EHLO us.example\nS 250 a\nhangup",
            "broken: the connection was lost between transactions",
        ),
    ];
    for (script, told) in rows {
        Scene::new(script).gives(&[told, "close"]);
    }
}

#[test]
fn tls_is_begun_where_it_is_offered() {
    for tls in [TlsUse::IfOffered, TlsUse::Required] {
        Scene::opened(
            &["STARTTLS", "PIPELINING"],
            "C STARTTLS\nS 220 2.0.0 go\nC EHLO us.example\nS 250-mx\nS 250 STARTTLS\nC QUIT\nS 221 bye",
        )
        .with(|settings| settings.tls = tls)
        .gives(&["upgrade", "close"]);
    }
}

#[test]
fn what_comes_in_the_clear_after_starttls_ends_the_session() {
    // Not in pieces: behind the reply the octets are those of TLS, and whoever reads them for TLS chokes on these.
    let mut session = gatepost_smtp::ClientSession::start(
        gatepost_smtp::ClientSettings { tls: TlsUse::IfOffered, ..Scene::new("").settings },
        crate::stage::some_moment(),
    );
    let now = crate::stage::some_moment();
    session.receive(b"220 x\r\n", now);
    session.receive(b"250-x\r\n250 STARTTLS\r\n", now);
    session.receive(b"220 go\r\n250 injected\r\n", now);
    assert!(matches!(
        session.step(),
        gatepost_smtp::ClientStep::Broken(gatepost_smtp::Cause::SpokeBeforeTls)
    ));
    assert!(matches!(session.step(), gatepost_smtp::ClientStep::Close));
}

#[test]
fn tls_that_cannot_be_had_is_done_without_or_not() {
    let rows = ["454 4.7.0 no certificate", "502 what?", "554 5.7.0 no"];
    for reply in rows {
        Scene::opened(&["STARTTLS"], &format!("C STARTTLS\nS {reply}\nC QUIT\nS 221 bye"))
            .with(|settings| settings.tls = TlsUse::IfOffered)
            .gives(&["close"]);
        Scene::opened(&["STARTTLS"], &format!("C STARTTLS\nS {reply}\nC QUIT\nS 221 bye"))
            .with(|settings| settings.tls = TlsUse::Required)
            .gives(&[&format!("broken: refused at STARTTLS: {reply}"), "close"]);
    }
    Scene::opened(&["PIPELINING"], "C QUIT\nS 221 bye")
        .with(|settings| settings.tls = TlsUse::Required)
        .gives(&["broken: TLS is required, and the server does not offer it", "close"]);
    Scene::opened(&["STARTTLS"], "C STARTTLS\nS 250 ok")
        .with(|settings| settings.tls = TlsUse::IfOffered)
        .gives(&["broken: a reply that makes no sense at STARTTLS: 250 ok", "close"]);
}

#[test]
fn a_login_that_cannot_be_had_ends_the_session() {
    Scene::opened(&["PIPELINING", "AUTH"], "C QUIT\nS 221 bye")
        .with(|settings| settings.auth = AuthUse::Required)
        .gives(&["broken: a login is required, and the server does not offer it", "close"]);
}

#[test]
fn lmtp_says_lhlo_and_nothing_else() {
    Scene::opened(&["PIPELINING"], "C QUIT\nS 221 bye").lmtp().gives(&["close"]);
    Scene::new("S 220 x\nC LHLO us.example\nS 500 what?\nC QUIT\nS 221 bye")
        .lmtp()
        .gives(&["broken: refused at EHLO: 500 what?", "close"]);
}
