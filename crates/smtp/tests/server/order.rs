//! What the order of calls must not be able to break.

use gatepost_mail::Domain;
use gatepost_smtp::{
    Answer, AuthOctets, Channel, Limits, Question, ServerSession, ServerSettings, StartTls, Step,
};
use gatepost_testworld::dialogue::Subject as _;

use crate::bench::{Bench, some_time};
use crate::desk::Service;

fn bench(service: Service) -> Bench {
    Bench::new(service, Limits::default())
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[test]
fn octets_behind_starttls_close_the_connection() {
    let mut bench = bench(Service::Submission);
    bench.begin();
    let said = bench.receive(b"EHLO client.example\r\nSTARTTLS\r\nMAIL FROM:<eve@evil.example>\r\n");
    assert!(text(&said).ends_with("554 5.5.0 Commands came behind STARTTLS, in the clear; closing\r\n"));
    assert!(!text(&said).contains("220 2.0.0"));
    assert!(bench.is_closed());
}

#[test]
fn octets_between_starttls_and_the_handshake_never_act() {
    let mut bench = bench(Service::Submission);
    bench.begin();
    bench.receive(b"EHLO client.example\r\n");
    assert_eq!(text(&bench.receive(b"STARTTLS\r\n")), "220 2.0.0 Ready for TLS\r\n");
    assert_eq!(text(&bench.receive(b"EHLO evil.example\r\n")), "");
    assert!(bench.is_closed());
    assert_eq!(text(&bench.encrypt()), "");
    assert_eq!(text(&bench.receive(b"EHLO client.example\r\n")), "");
}

#[test]
fn who_speaks_before_the_greeting_is_refused() {
    let mut bench = bench(Service::Mx);
    bench.session().spoke_early();
    assert_eq!(text(&bench.drive()), "554 5.5.0 You spoke before the greeting\r\n");
    assert!(bench.is_closed());
}

#[test]
fn a_server_that_stops_says_so_between_commands() {
    let mut bench = bench(Service::Mx);
    bench.begin();
    bench.receive(b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.org>\r\nDATA\r\nhel");
    bench.session().shut_down();
    assert_eq!(text(&bench.drive()), "");
    let said = text(&bench.receive(b"lo\r\n.\r\nMAIL FROM:<>\r\n"));
    let (stored, stopping) = said.split_once("\r\n").unwrap();
    assert!(stored.starts_with("250 2.0.0 Queued as "), "{said}");
    assert!(stopping.starts_with("421 4.3.2 "), "{said}");
    assert!(bench.is_closed());
}

#[test]
fn a_server_that_stops_drops_half_a_message_in_chunks() {
    let mut bench = bench(Service::Mx);
    bench.begin();
    bench.receive(b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.org>\r\nBDAT 2\r\n\r\n");
    bench.session().shut_down();
    assert!(text(&bench.drive()).starts_with("421 4.3.2 "));
    assert_eq!(bench.asked.last().unwrap(), "Abort");
}

#[test]
fn content_that_is_not_complete_is_dropped() {
    for ending in
        ["", "RSET\r\n", "QUIT\r\n", "EHLO c\r\n", "STARTTLS\r\n", "BDAT 1 LAST\r\n\n", "BDAT x\r\n"]
    {
        let mut bench = bench(Service::Mx);
        bench.begin();
        bench.receive(b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.org>\r\nBDAT 4\r\na\r\nb");
        bench.receive(ending.as_bytes());
        if ending.is_empty() {
            bench.hang_up();
        }
        let aborts = bench.asked.iter().filter(|asked| *asked == "Abort").count();
        assert_eq!(aborts, 1, "{ending:?}: {:?}", bench.asked);
    }
}

#[test]
fn content_that_is_complete_is_not_dropped() {
    let mut bench = bench(Service::Mx);
    bench.begin();
    bench.receive(
        b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.org>\r\nBDAT 4 LAST\r\na\r\nbRSET\r\nQUIT\r\n",
    );
    assert!(bench.asked.iter().all(|asked| asked != "Abort"), "{:?}", bench.asked);
}

fn settings() -> ServerSettings {
    ServerSettings {
        hostname: Domain::parse("gatepost.example").unwrap(),
        protocol: gatepost_smtp::Protocol::Smtp,
        channel: Channel::Clear(StartTls::NotOffered),
        mechanisms: vec!["PLAIN".into()],
        mechanisms_after_tls: Vec::new(),
        limits: Limits::default().into(),
    }
}

/// Permits everything until a question of this kind is open.
fn until(session: &mut ServerSession<u64>, wanted: fn(&Question) -> bool) {
    for _ in 0..100 {
        if let Step::Ask(question) = session.step() {
            if wanted(&question) {
                return;
            }
            session.answer(Answer::Permit);
        }
    }
    panic!("that question never came");
}

const MESSAGE: &[u8] = b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.org>\r\nDATA\r\nhello\r\n.\r\n";

#[test]
fn only_a_receipt_makes_a_message_queued() {
    let answers = [
        Answer::Permit,
        Answer::Authenticated,
        Answer::Challenge(AuthOctets(Vec::new())),
        Answer::Refuse(gatepost_mail::reply::table::QUEUED),
        Answer::PerRecipient(vec![gatepost_mail::reply::table::QUEUED]),
    ];
    for answer in answers {
        let mut session = ServerSession::<u64>::greet(settings(), some_time());
        session.receive(MESSAGE, some_time());
        until(&mut session, |question| matches!(question, Question::Complete(_)));
        session.answer(answer.clone());
        let Step::Write(octets) = session.step() else { panic!("no reply") };
        assert!(text(octets).contains("\r\n451 4.3.0 "), "{answer:?}: {}", text(octets));
        assert!(!text(octets).contains("Queued"), "{answer:?}");
    }
}

#[test]
fn a_receipt_without_its_question_says_nothing() {
    let mut session = ServerSession::<u64>::greet(settings(), some_time());
    session.stored(1);
    session.answer(Answer::Authenticated);
    assert_eq!(session.step(), Step::Write(b"220 gatepost.example ESMTP gatepost\r\n"));
    assert_eq!(session.step(), Step::Idle);
    session.receive(MESSAGE, some_time());
    until(&mut session, |question| matches!(question, Question::Sender(_)));
    session.stored(1);
    assert_eq!(session.step(), Step::Write(b"250-gatepost.example\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n\
        250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250-DSN\r\n\
        250-LIMITS RCPTMAX=1000 MAILMAX=10000\r\n250 AUTH PLAIN\r\n"));
    assert_eq!(session.step(), Step::Idle);
    session.answer(Answer::Permit);
    until(&mut session, |question| matches!(question, Question::Complete(_)));
    session.stored(7);
    let Step::Write(octets) = session.step() else { panic!("no reply") };
    assert!(text(octets).ends_with("250 2.0.0 Queued as 7\r\n"));
}

#[test]
fn while_a_question_is_open_no_command_is_looked_at() {
    let mut session = ServerSession::<u64>::greet(settings(), some_time());
    session.receive(b"EHLO c\r\nQUIT\r\n", some_time());
    until(&mut session, |question| matches!(question, Question::Hello { .. }));
    session.receive(b"NOOP\r\n", some_time());
    assert_eq!(session.step(), Step::Write(b"220 gatepost.example ESMTP gatepost\r\n"));
    assert_eq!(session.step(), Step::Idle);
    session.hang_up();
    session.answer(Answer::Permit);
    assert_eq!(session.step(), Step::Close);
    assert_eq!(session.step(), Step::Close);
}

#[test]
fn secrets_are_not_shown() {
    let mut session = ServerSession::<u64>::greet(settings(), some_time());
    session.receive(b"EHLO c\r\nAUTH PLAIN AGFkYQBzZWNyZXQ=\r\n", some_time());
    for _ in 0..100 {
        match session.step() {
            Step::Ask(question @ Question::AuthBegin { .. }) => {
                let shown = format!("{question:?} {session:?}");
                assert!(!shown.contains("secret") && !shown.contains("115"), "{shown}");
                assert!(!shown.contains("AGFkYQBzZWNyZXQ"), "{shown}");
                return;
            }
            Step::Ask(_) => session.answer(Answer::Permit),
            Step::Write(_) | Step::Content(_) | Step::Upgrade | Step::Idle | Step::Close => {}
        }
    }
    panic!("the login never began");
}

#[test]
fn a_long_challenge_is_not_cut() {
    let mut session = ServerSession::<u64>::greet(settings(), some_time());
    session.receive(b"EHLO c\r\nAUTH PLAIN\r\n", some_time());
    until(&mut session, |question| matches!(question, Question::AuthBegin { .. }));
    session.answer(Answer::Challenge(AuthOctets(vec![b'x'; 3000])));
    let Step::Write(octets) = session.step() else { panic!("no challenge") };
    assert!(text(octets).ends_with(&format!("\r\n334 {}\r\n", "eHh4".repeat(1000))));
}

/// RFC 4954 section 4. Where MAIL works without a login, which a desk may allow, the login still comes first.
#[test]
fn a_login_inside_a_transaction_is_not_asked() {
    let mut session = ServerSession::<u64>::greet(settings(), some_time());
    session.receive(
        b"EHLO c\r\nMAIL FROM:<>\r\nAUTH PLAIN AGFkYQBzZWNyZXQ=\r\nRSET\r\nAUTH PLAIN\r\n",
        some_time(),
    );
    until(&mut session, |question| matches!(question, Question::Sender(_)));
    session.answer(Answer::Permit);
    until(&mut session, |question| {
        assert_ne!(
            *question,
            Question::AuthBegin {
                mechanism: "PLAIN".into(),
                initial: Some(b"\0ada\0secret".to_vec().into())
            }
        );
        matches!(question, Question::AuthBegin { initial: None, .. })
    });
    session.answer(Answer::Authenticated);
    let Step::Write(octets) = session.step() else { panic!("no reply") };
    assert!(
        text(octets).contains("250 2.1.0 Sender OK\r\n503 5.5.1 Logging in is possible once"),
        "{}",
        text(octets)
    );
}
