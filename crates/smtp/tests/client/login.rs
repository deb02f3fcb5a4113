//! AUTH: octets in, octets out, and nothing of it in the transcript.

use crate::stage::{Scene, mail, some_moment};
use gatepost_smtp::{AuthStart, ClientSession, ClientStep, NotNow};

const AUTH: &[&str] = &["AUTH TEST"];

#[test]
fn a_login_in_one_line() {
    Scene::opened(AUTH, "C AUTH TEST AGFkYQBwdw==\nS 235 2.7.0 welcome\nC QUIT\nS 221 x")
        .logging_in(Some(b"\0ada\0pw"), &[])
        .gives(&["logged in 235 2.7.0 welcome", "close"]);
    Scene::opened(AUTH, "C AUTH TEST =\nS 235 ok\nC QUIT\nS 221 x")
        .logging_in(Some(b""), &[])
        .gives(&["logged in 235 ok", "close"]);
}

#[test]
fn a_login_with_challenges() {
    let script =
        "C AUTH TEST\nS 334 VXNlcm5hbWU6\nC YWRh\nS 334 UGFzc3dvcmQ6\nC cHc=\nS 235 ok\nC QUIT\nS 221 x";
    Scene::opened(AUTH, script).logging_in(None, &[b"ada", b"pw"]).gives(&[
        "challenge Username:",
        "challenge Password:",
        "logged in 235 ok",
        "close",
    ]);
    // An empty challenge, and an empty answer to the last one, as SCRAM has it.
    Scene::opened(AUTH, "C AUTH TEST\nS 334\nC eA==\nS 334 dj0x\nC\nS 235 ok\nC QUIT\nS 221 x")
        .logging_in(None, &[b"x", b""])
        .gives(&["challenge ", "challenge v=1", "logged in 235 ok", "close"]);
}

#[test]
fn a_refused_login_may_be_tried_again_or_not() {
    for reply in ["535 5.7.8 wrong", "454 4.7.0 later", "504 5.5.4 what?", "534 5.7.9 weak", "500 huh"] {
        Scene::opened(AUTH, &format!("C AUTH TEST\nS {reply}\nC QUIT\nS 221 x"))
            .logging_in(None, &[])
            .gives(&[&format!("login failed {reply}"), "close"]);
    }
}

#[test]
fn a_login_can_be_broken_off() {
    Scene::opened(AUTH, "C AUTH TEST\nS 334\nC *\nS 501 5.7.0 broken off\nC QUIT\nS 221 x")
        .logging_in(None, &[])
        .gives(&["challenge ", "login failed 501 5.7.0 broken off", "close"]);
    // A challenge that is not base64 cannot be answered.
    Scene::opened(AUTH, "C AUTH TEST\nS 334 Username:\nC *\nS 501 x\nC QUIT\nS 221 x")
        .logging_in(None, &[b"ada"])
        .gives(&["login failed 501 x", "close"]);
    Scene::opened(AUTH, "C AUTH TEST\nS 334 Username:\nC *\nS 235 welcome anyway")
        .logging_in(None, &[b"ada"])
        .gives(&["broken: a reply that makes no sense at AUTH: 235 welcome anyway", "close"]);
}

#[test]
fn a_lost_connection_ends_a_login() {
    let rows = [
        ("hangup", "broken: the connection was lost at AUTH"),
        ("expire", "broken: nothing came for too long at AUTH"),
        ("S 421 4.7.0 enough", "broken: the server closes the connection: 421 4.7.0 enough"),
    ];
    for (script, told) in rows {
        Scene::opened(AUTH, &format!("C AUTH TEST\n{script}")).logging_in(None, &[]).gives(&[told, "close"]);
    }
}

#[test]
fn an_initial_response_that_is_too_long_waits_for_a_challenge() {
    let token = vec![b'x'; 600];
    let coded = "eHh4".repeat(200);
    Scene::opened(AUTH, &format!("C AUTH TEST\nS 334\nC {coded}\nS 235 ok\nC QUIT\nS 221 x"))
        .logging_in(Some(&token), &[])
        .gives(&["logged in 235 ok", "close"]);
    // 512 octets with CRLF are not too long: 10 and 2, and 500 of base64.
    let coded = "eHh4".repeat(125);
    Scene::opened(AUTH, &format!("C AUTH TEST {coded}\nS 235 ok\nC QUIT\nS 221 x"))
        .logging_in(Some(&vec![b'x'; 375]), &[])
        .gives(&["logged in 235 ok", "close"]);
    Scene::opened(AUTH, "C AUTH TEST\nS 235 without having heard it")
        .logging_in(Some(&token), &[])
        .gives(&["broken: a reply that makes no sense at AUTH: 235 without having heard it", "close"]);
}

#[test]
fn no_secret_is_shown() {
    let secrets = ["c2VjcmV0", "b3RoZXI=", "secret", "other", "Y2hhbGxlbmdl"];
    let now = some_moment();
    let mut session = ClientSession::start(Scene::new("").logging_in(None, &[]).settings, now);
    let mut shown = String::new();
    for (line, initial) in [("220 x", None), ("250-x\r\n250 AUTH TEST", Some(b"secret".to_vec()))] {
        session.receive(format!("{line}\r\n").as_bytes(), now);
        shown += &format!("{:?}", session.step());
        shown += &format!("{session:?}");
        if let Some(initial) = initial {
            let start = AuthStart { mechanism: "TEST", initial: Some(initial) };
            shown += &format!("{start:?}");
            session.authenticate(start, now).unwrap();
        }
    }
    shown += &format!("{:?}", session.step());
    shown += &format!("{session:?}");
    session.receive(b"334 Y2hhbGxlbmdl\r\n", now);
    shown += &format!("{:?}", session.step());
    shown += &format!("{session:?}");
    session.auth_respond(b"other", now).unwrap();
    shown += &format!("{:?}", session.step());
    shown += &format!("{session:?}");
    session.receive(b"235 ok\r\n", now);
    shown += &format!("{:?}", session.step());
    shown += &session.transcript().to_string();
    assert!(shown.contains("AUTH TEST ***\nS: 334 ***\nC: ***\nS: 235 ok"), "{shown}");
    for secret in secrets {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn methods_at_the_wrong_step_do_nothing() {
    let now = some_moment();
    let mut session = ClientSession::start(Scene::new("").settings, now);
    assert_eq!(session.authenticate(AuthStart { mechanism: "TEST", initial: None }, now), Err(NotNow));
    assert_eq!(session.auth_respond(b"", now), Err(NotNow));
    assert_eq!(session.auth_cancel(now), Err(NotNow));
    assert_eq!(session.send(mail("<>", &["<a@x.example>"]), now), Err(NotNow));
    assert_eq!(session.content(b"", gatepost_smtp::More::Last, now), Err(NotNow));
    assert!(matches!(session.step(), ClientStep::Idle));
}
