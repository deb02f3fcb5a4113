//! Content that goes along with its envelope, in one group of commands.

use std::time::{Duration, Instant};

use gatepost_mail::{Ending, Octets};
use gatepost_smtp::{
    ChunkingUse, ClientLimits, ClientSession, ClientStep, Connection, More, NotNow, Protocol,
    RecipientOutcome, Transaction, TransactionOutcome,
};

use crate::stage::{Scene, mail, some_moment};

const BOTH: &str = "250-mx.example\r\n250-PIPELINING\r\n250 CHUNKING\r\n";
const MESSAGE: &[u8] = b"a\r\n.b\r\n";
const GROUP: &str =
    "MAIL FROM:<>\r\nRCPT TO:<b@y.example>\r\nRCPT TO:<c@y.example>\r\nBDAT 7 LAST\r\na\r\n.b\r\n";

fn two() -> Transaction {
    Transaction { size: Some(Octets(7)), ..mail("<>", &["<b@y.example>", "<c@y.example>"]) }
}

/// A server that has taken a message already.
fn opened(offers: &str, protocol: Protocol, along: Octets) -> (ClientSession, Instant) {
    let (session, now) = greeted(offers, protocol, along);
    proven((session, now), protocol)
}

fn proven((mut session, now): (ClientSession, Instant), protocol: Protocol) -> (ClientSession, Instant) {
    session.send(Transaction { size: None, ..two() }, now).unwrap();
    while let ClientStep::Write(commands) = session.step() {
        let reply = |line: &str| if line == "DATA" { "354 go\r\n" } else { "250 ok\r\n" };
        let replies: String = String::from_utf8_lossy(commands).lines().map(reply).collect();
        session.receive(replies.as_bytes(), now);
    }
    session.content(b"x\r\n", More::Last, now).unwrap();
    said(&mut session);
    session.receive(b"250 ok\r\n", now);
    if protocol == Protocol::Lmtp {
        session.receive(b"250 ok\r\n", now);
    }
    outcome(&mut session);
    (session, now)
}

fn greeted(offers: &str, protocol: Protocol, along: Octets) -> (ClientSession, Instant) {
    greeted_by((offers, protocol, along), ChunkingUse::WhereProven)
}

fn greeted_by(
    (offers, protocol, along): (&str, Protocol, Octets),
    chunking: ChunkingUse,
) -> (ClientSession, Instant) {
    let now = some_moment();
    let limits = ClientLimits { along, ..ClientLimits::default() };
    let scene = Scene::new("").with(|settings| {
        settings.protocol = protocol;
        settings.limits = limits.into();
        settings.chunking = chunking;
    });
    let mut session = ClientSession::start(scene.settings, now);
    session.receive(b"220 mx.example\r\n", now);
    said(&mut session);
    session.receive(offers.as_bytes(), now);
    (session, now)
}

fn said(session: &mut ClientSession) -> String {
    match session.step() {
        ClientStep::Write(octets) => String::from_utf8_lossy(octets).into_owned(),
        other => format!("{other:?}"),
    }
}

fn outcome(session: &mut ClientSession) -> TransactionOutcome {
    match session.step() {
        ClientStep::Outcome(outcome) => outcome,
        other => panic!("{other:?}"),
    }
}

/// Sends all of one message, in one go.
fn sent() -> (ClientSession, Instant) {
    let (mut session, now) = opened(BOTH, Protocol::Smtp, Octets(7));
    session.send(two(), now).unwrap();
    session.content(MESSAGE, More::Last, now).unwrap();
    assert_eq!(said(&mut session), GROUP);
    (session, now)
}

/// The kind of outcome and its code, for each recipient, and whether the connection goes on.
fn told(outcome: &TransactionOutcome) -> String {
    let recipient = |one: &RecipientOutcome| match one {
        RecipientOutcome::Delivered(reply) => format!("delivered {}", reply.code().get()),
        RecipientOutcome::Failed(reply) => format!("failed {}", reply.code().get()),
        RecipientOutcome::Deferred(reply) => format!("deferred {}", reply.code().get()),
        RecipientOutcome::NotTried => "not tried".into(),
        RecipientOutcome::Interrupted(_) => "interrupted".into(),
        RecipientOutcome::InDoubt(_) => "in doubt".into(),
    };
    let mut words: Vec<_> = outcome.recipients.iter().map(recipient).collect();
    words.push(if outcome.connection == Connection::Usable { "usable".into() } else { "ended".into() });
    words.join(", ")
}

#[test]
fn replies_count_as_ever_however_they_are_cut() {
    // What the server says to MAIL, RCPT, RCPT and BDAT, what that means, and what the next transaction begins with.
    let rows = [
        ("250 a\n250 b\n250 c\n250 queued", "delivered 250, delivered 250, usable", "MAIL"),
        ("250 a\n550 b\n250 c\n250 queued", "failed 550, delivered 250, usable", "MAIL"),
        ("250 a\n250 b\n450 c\n250 queued", "delivered 250, deferred 450, usable", "MAIL"),
        ("250 a\n250 b\n452 c\n250 queued", "delivered 250, not tried, usable", "MAIL"),
        ("250 a\n250 b\n250 c\n554 no", "failed 554, failed 554, usable", "MAIL"),
        ("250 a\n250 b\n250 c\n451 later", "deferred 451, deferred 451, usable", "MAIL"),
        ("250 a\n550 b\n450 c\n554 for nobody", "failed 550, deferred 450, usable", "RSET"),
        ("250 a\n550 b\n450 c\n503 for nobody", "failed 550, deferred 450, usable", "RSET"),
        // It knows no BDAT after all: nothing is taken, and a new connection begins with DATA.
        ("250 a\n550 b\n250 c\n502 what", "failed 550, interrupted, ended", ""),
        ("250 a\n250 b\n250 c\n500 what", "interrupted, interrupted, ended", ""),
        ("451 a\n503 b\n503 c\n503 d", "deferred 451, deferred 451, usable", "MAIL"),
        ("250 a\n250 b\n250 c\n421 bye", "deferred 421, deferred 421, ended", ""),
        ("421 bye", "deferred 421, deferred 421, ended", ""),
        ("250 a\n550 b\n421 bye", "failed 550, deferred 421, ended", ""),
        ("354 what", "in doubt, in doubt, ended", ""),
    ];
    for (script, wanted, next) in rows {
        let octets = format!("{}\r\n", script.replace('\n', "\r\n"));
        for size in [1, 2, 5, octets.len()] {
            let (mut session, now) = sent();
            octets.as_bytes().chunks(size).for_each(|piece| session.receive(piece, now));
            assert_eq!(told(&outcome(&mut session)), wanted, "{script:?} by {size}");
            if next.is_empty() {
                assert!(matches!(session.step(), ClientStep::Close), "{script:?}");
            } else {
                session.send(mail("<>", &["<d@y.example>"]), now).unwrap();
                assert!(said(&mut session).starts_with(next), "{script:?}");
            }
        }
    }
}

#[test]
fn once_all_was_given_out_silence_is_a_doubt() {
    let (mut session, _) = sent();
    session.hang_up();
    assert_eq!(told(&outcome(&mut session)), "in doubt, in doubt, ended");

    let (mut session, now) = sent();
    session.receive(b"250 a\r\n550 b\r\n250 c\r\n", now);
    session.expire(session.deadline());
    assert_eq!(told(&outcome(&mut session)), "failed 550, in doubt, ended");

    let (mut session, now) = opened(BOTH, Protocol::Smtp, Octets(7));
    session.send(two(), now).unwrap();
    session.content(MESSAGE, More::Last, now).unwrap();
    session.hang_up();
    assert_eq!(told(&outcome(&mut session)), "interrupted, interrupted, ended", "nothing was lent");

    let (mut session, now) = opened(BOTH, Protocol::Smtp, Octets(7));
    session.send(two(), now).unwrap();
    session.content(b"a\r\n", More::ThereIsMore, now).unwrap();
    session.hang_up();
    assert_eq!(told(&outcome(&mut session)), "interrupted, interrupted, ended", "its end never came");
}

/// A server may answer a whole group at its end: whoever gives up sooner makes a duplicate.
#[test]
fn the_first_reply_is_awaited_as_long_as_the_last() {
    let (mut session, now) = sent();
    let patience = ClientLimits::default();
    assert!(patience.final_reply > patience.reply);
    assert_eq!(session.deadline(), now + patience.final_reply);
    session.expire(now + patience.reply);
    assert!(matches!(session.step(), ClientStep::Idle));
    session.receive(b"250 a\r\n250 b\r\n", now);
    assert_eq!(session.deadline(), now + patience.final_reply);
}

#[test]
fn pieces_are_one_chunk() {
    let (mut session, now) = opened(BOTH, Protocol::Smtp, Octets(7));
    session.send(two(), now).unwrap();
    for (piece, more) in
        [(&b"a"[..], More::ThereIsMore), (b"\r\n.b\r\n", More::ThereIsMore), (b"", More::Last)]
    {
        assert!(matches!(session.step(), ClientStep::NeedContent));
        session.content(piece, more, now).unwrap();
    }
    assert_eq!(said(&mut session), GROUP);
    assert!(matches!(session.step(), ClientStep::Idle));
}

#[test]
fn content_of_another_size_is_never_completed() {
    let rows = [
        (&b"a\r\n.b\r\n\r\n"[..], More::Last),
        (b"a\r\n.b\r", More::Last),
        (b"a\r\n.b\r\n.", More::ThereIsMore),
    ];
    for (piece, more) in rows {
        let (mut session, now) = opened(BOTH, Protocol::Smtp, Octets(7));
        session.send(two(), now).unwrap();
        assert_eq!(session.content(piece, more, now), Err(NotNow));
        session.quit(now);
        assert_eq!(told(&outcome(&mut session)), "interrupted, interrupted, ended");
    }
}

/// Twenty recipients are more than may be unanswered when content follows.
fn twenty() -> (ClientSession, Instant) {
    let (mut session, now) = opened(BOTH, Protocol::Smtp, Octets(7));
    let many: Vec<String> = (0..20).map(|number| format!("<r{number}@y.example>")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    session.send(Transaction { size: Some(Octets(7)), ..mail("<>", &many) }, now).unwrap();
    assert!(said(&mut session).starts_with("MAIL FROM:<>\r\n"));
    assert!(matches!(session.step(), ClientStep::Idle));
    (session, now)
}

#[test]
fn what_is_refused_meanwhile_is_not_sent() {
    let (mut session, now) = twenty();
    session.receive(b"550 no\r\n", now);
    (0..20).for_each(|_| session.receive(b"503 no\r\n", now));
    let outcome = outcome(&mut session);
    assert!(outcome.recipients.iter().all(|one| matches!(one, RecipientOutcome::Failed(_))));
    assert_eq!(outcome.connection, Connection::Usable);
}

#[test]
fn content_follows_when_few_replies_are_left() {
    let (mut session, now) = twenty();
    (0..12).for_each(|_| session.receive(b"250 ok\r\n", now));
    assert!(matches!(session.step(), ClientStep::Idle));
    session.receive(b"250 ok\r\n", now);
    assert!(matches!(session.step(), ClientStep::NeedContent));
    session.content(MESSAGE, More::Last, now).unwrap();
    assert_eq!(said(&mut session), "BDAT 7 LAST\r\na\r\n.b\r\n");
    (0..9).for_each(|_| session.receive(b"250 ok\r\n", now));
    assert!(outcome(&mut session).recipients.iter().all(|one| matches!(one, RecipientOutcome::Delivered(_))));
}

#[test]
fn large_content_waits_for_the_envelope_and_goes_in_one_chunk() {
    for protocol in [Protocol::Smtp, Protocol::Lmtp] {
        let (mut session, now) = opened(BOTH, protocol, Octets(6));
        session.send(two(), now).unwrap();
        assert_eq!(said(&mut session), "MAIL FROM:<>\r\nRCPT TO:<b@y.example>\r\nRCPT TO:<c@y.example>\r\n");
        assert!(matches!(session.step(), ClientStep::Idle));
        session.receive(b"250 a\r\n250 b\r\n550 c\r\n", now);
        assert!(matches!(session.step(), ClientStep::NeedContent));
        session.content(MESSAGE, More::Last, now).unwrap();
        assert_eq!(said(&mut session), "BDAT 7 LAST\r\na\r\n.b\r\n");
        session.receive(b"250 queued\r\n", now);
        assert_eq!(told(&outcome(&mut session)), "delivered 250, failed 550, usable");
    }
}

#[test]
fn who_needs_bdat_is_refused_with_it() {
    let (mut session, now) = opened(BOTH, Protocol::Smtp, Octets(7));
    session.send(Transaction { ending: Ending::Open, size: Some(Octets(1)), ..two() }, now).unwrap();
    session.content(b"x", More::Last, now).unwrap();
    said(&mut session);
    session.receive(b"250 a\r\n250 b\r\n250 c\r\n502 what\r\n", now);
    assert_eq!(told(&outcome(&mut session)), "failed 502, failed 502, usable");
}

#[test]
fn much_content_is_sent_between_its_pieces() {
    let (mut session, now) = opened(BOTH, Protocol::Smtp, Octets(0));
    let piece = vec![b'x'; 100_000];
    session.send(Transaction { size: Some(Octets(300_000)), ..two() }, now).unwrap();
    said(&mut session);
    session.receive(b"250 a\r\n250 b\r\n250 c\r\n", now);
    let mut lengths = Vec::new();
    for more in [More::ThereIsMore, More::ThereIsMore, More::Last] {
        while let ClientStep::Write(octets) = session.step() {
            lengths.push(octets.len());
        }
        session.content(&piece, more, now).unwrap();
    }
    lengths.push(said(&mut session).len());
    assert_eq!(lengths.iter().sum::<usize>(), "BDAT 300000 LAST\r\n".len() + 300_000);
    assert!(lengths.iter().all(|length| *length < 250_000), "{lengths:?}");
}

#[test]
fn it_waits_where_one_group_will_not_do() {
    let later = Duration::from_millis(1001);
    let unknown = || Transaction { size: None, ..two() };
    let large = || Transaction { size: Some(Octets(8)), ..two() };
    let none = Duration::ZERO;
    let rows = [
        ("no chunks", "250-x\r\n250 PIPELINING\r\n", Protocol::Smtp, two(), none),
        ("no groups", "250-x\r\n250 CHUNKING\r\n", Protocol::Smtp, two(), none),
        ("a reply for each recipient", BOTH, Protocol::Lmtp, two(), none),
        ("no size", BOTH, Protocol::Smtp, unknown(), none),
        ("too large", BOTH, Protocol::Smtp, large(), none),
        ("the line was idle", BOTH, Protocol::Smtp, two(), later),
    ];
    let (mut fresh, now) = greeted(BOTH, Protocol::Smtp, Octets(7));
    fresh.send(two(), now).unwrap();
    assert!(!matches!(fresh.step(), ClientStep::NeedContent), "nothing was taken yet");
    let needed = greeted_by((BOTH, Protocol::Smtp, Octets(7)), ChunkingUse::WhereNeeded);
    let (mut careful, now) = proven(needed, Protocol::Smtp);
    careful.send(two(), now).unwrap();
    assert!(said(&mut careful).ends_with("DATA\r\n"));
    for (name, offers, protocol, transaction, idle) in rows {
        let (mut session, now) = opened(offers, protocol, Octets(7));
        session.send(transaction, now + idle).unwrap();
        assert!(!matches!(session.step(), ClientStep::NeedContent), "{name}");
    }
}
