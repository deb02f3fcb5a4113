//! Content by DATA and by BDAT, and the replies to it: one, or one for each recipient.

use crate::stage::{Scene, mail};
use gatepost_mail::Body;
use gatepost_mail::Ending;
use gatepost_smtp::Transaction;

fn two() -> Transaction {
    mail("<>", &["<b@y.example>", "<c@y.example>"])
}

const UP_TO_CONTENT: &str = "C MAIL FROM:<>\nC RCPT TO:<b@y.example>\nC RCPT TO:<c@y.example>\nC DATA\n\
                             S 250 ok\nS 250 ok\nS 250 ok\nS 354 go\n";

fn sent(script: &str, content: &str) -> Scene {
    Scene::opened(&["PIPELINING"], &format!("{UP_TO_CONTENT}{script}")).sending(two(), content)
}

#[test]
fn dots_are_doubled_at_the_beginning_of_lines() {
    sent("C a.\nC ..\nC ...b\nC\nC .\nS 250 ok\nC QUIT\nS 221 x", "a.\r\n.\r\n..b\r\n\r\n").gives(&[
        "delivered 250 ok",
        "delivered 250 ok",
        "usable",
        "close",
    ]);
    sent("C .\nS 250 ok\nC QUIT\nS 221 x", "").gives(&[
        "delivered 250 ok",
        "delivered 250 ok",
        "usable",
        "close",
    ]);
    sent("C a\nC .\nS 250 ok\nC QUIT\nS 221 x", "a").gives(&[
        "delivered 250 ok",
        "delivered 250 ok",
        "usable",
        "close",
    ]);
}

#[test]
fn the_reply_to_the_content_is_the_outcome() {
    let rows = [
        ("250 2.0.0 ok", "delivered 250 2.0.0 ok"),
        ("451 4.3.0 later", "deferred 451 4.3.0 later"),
        ("554 5.7.1 spam", "failed 554 5.7.1 spam"),
        ("552 too big", "failed 552 too big"),
    ];
    for (reply, told) in rows {
        sent(&format!("C x\nC .\nS {reply}\nC QUIT\nS 221 x"), "x\r\n")
            .gives(&[told, told, "usable", "close"]);
    }
    sent("C x\nC .\nS 421 4.3.2 bye", "x\r\n").gives(&[
        "deferred 421 4.3.2 bye",
        "deferred 421 4.3.2 bye",
        "ended",
        "close",
    ]);
}

#[test]
fn without_a_reply_to_all_of_it_nobody_knows() {
    let rows = [
        ("hangup", "in doubt: the connection was lost after the content"),
        ("expire", "in doubt: nothing came for too long after the content"),
        ("S 250-half\nhangup", "in doubt: the connection was lost after the content"),
        ("S 354 what?", "in doubt: a reply that makes no sense after the content: 354 what?"),
        ("S <html>", "in doubt: the server sent a line that does not begin with a reply code"),
    ];
    for (script, told) in rows {
        sent(&format!("C x\nC .\n{script}"), "x\r\n").gives(&[told, told, "ended", "close"]);
    }
}

#[test]
fn lmtp_answers_for_each_recipient() {
    let lmtp = |script: &str| sent(script, "x\r\n").lmtp();
    lmtp("C x\nC .\nS 250 ok\nS 452 4.2.2 full\nC QUIT\nS 221 x").gives(&[
        "delivered 250 ok",
        "deferred 452 4.2.2 full",
        "usable",
        "close",
    ]);
    lmtp("C x\nC .\nS 550 5.7.1 no\nS 250 ok\nC QUIT\nS 221 x").gives(&[
        "failed 550 5.7.1 no",
        "delivered 250 ok",
        "usable",
        "close",
    ]);
    lmtp("C x\nC .\nS 250 ok\nhangup").gives(&[
        "delivered 250 ok",
        "in doubt: the connection was lost after the content",
        "ended",
        "close",
    ]);
    lmtp("C x\nC .\nS 250 ok\nexpire").gives(&[
        "delivered 250 ok",
        "in doubt: nothing came for too long after the content",
        "ended",
        "close",
    ]);
    lmtp("C x\nC .\nS 421 bye\nS 250 ok").gives(&["deferred 421 bye", "delivered 250 ok", "ended", "close"]);
}

#[test]
fn lmtp_counts_only_those_who_were_taken() {
    let script = "C MAIL FROM:<>\nC RCPT TO:<b@y.example>\nC RCPT TO:<c@y.example>\nC DATA\n\
                  S 250 ok\nS 550 no\nS 250 ok\nS 354 go\nC x\nC .\nS 250 2.1.5 saved\nC QUIT\nS 221 x";
    Scene::opened(&["PIPELINING"], script).lmtp().sending(two(), "x\r\n").gives(&[
        "failed 550 no",
        "delivered 250 2.1.5 saved",
        "usable",
        "close",
    ]);
}

/// How the content is cut decides what the chunks are, so these are not played in pieces of all sizes.
mod chunks {
    use super::*;
    use crate::stage::some_moment;
    use gatepost_smtp::{ClientSession, ClientStep, Connection, More, NotNow, Protocol, RecipientOutcome};

    struct Session(ClientSession);

    impl Session {
        fn open(offers: &str, protocol: Protocol) -> Self {
            let scene = Scene::new("").with(|settings| settings.protocol = protocol);
            let mut session = Self(ClientSession::start(scene.settings, some_moment()));
            session.hear("220 x");
            session.said();
            session.hear(offers);
            session.said();
            session
        }

        /// Up to the first content.
        fn send(&mut self, transaction: Transaction) {
            self.0.send(transaction, some_moment()).unwrap();
            while !matches!(self.0.step(), ClientStep::NeedContent) {
                self.said();
                self.hear("250 ok");
            }
        }

        fn hear(&mut self, lines: &str) {
            self.0.receive(format!("{}\r\n", lines.replace('\n', "\r\n")).as_bytes(), some_moment());
        }

        fn said(&mut self) -> String {
            match self.0.step() {
                ClientStep::Write(octets) => String::from_utf8_lossy(octets).into_owned(),
                _ => String::new(),
            }
        }

        fn content(&mut self, piece: &[u8], more: More) -> String {
            self.0.content(piece, more, some_moment()).unwrap();
            self.said()
        }

        fn outcome(&mut self) -> (Vec<RecipientOutcome>, Connection) {
            match self.0.step() {
                ClientStep::Outcome(outcome) => (outcome.recipients, outcome.connection),
                other => panic!("{other:?}"),
            }
        }
    }

    fn binary() -> Transaction {
        Transaction { body: Body::BinaryMime, ..two() }
    }

    const OFFERS: &str = "250-x\n250-PIPELINING\n250-CHUNKING\n250 BINARYMIME";
    const ONE_BY_ONE: &str = "250-x\n250-CHUNKING\n250 BINARYMIME";

    fn is_delivered(outcome: &RecipientOutcome) -> bool {
        matches!(outcome, RecipientOutcome::Delivered(_))
    }

    #[test]
    fn binary_content_goes_in_chunks() {
        let mut session = Session::open(OFFERS, Protocol::Smtp);
        session.send(binary());
        assert_eq!(session.content(b".\n\0", More::ThereIsMore), "BDAT 3\r\n.\n\0");
        assert_eq!(session.content(b"", More::ThereIsMore), "");
        assert_eq!(session.content(b"xy", More::Last), "BDAT 2 LAST\r\nxy");
        session.hear("250 chunk\n250 2.0.0 queued");
        let (recipients, connection) = session.outcome();
        assert!(recipients.iter().all(is_delivered));
        assert_eq!(connection, Connection::Usable);
        assert!(matches!(session.0.step(), ClientStep::Ready));
    }

    #[test]
    fn an_open_last_line_stays_open_where_it_can() {
        let open = || Transaction { ending: Ending::Open, ..two() };
        let mut session = Session::open(OFFERS, Protocol::Smtp);
        session.send(open());
        assert_eq!(session.content(b"a", More::Last), "BDAT 1 LAST\r\na");
        let mut session = Session::open("250 x", Protocol::Smtp);
        session.0.send(open(), some_moment()).unwrap();
        for reply in ["250 ok", "250 ok", "250 ok", "354 go"] {
            session.said();
            session.hear(reply);
        }
        assert_eq!(session.content(b"a", More::Last), "a\r\n.\r\n");
    }

    #[test]
    fn without_pipelining_every_chunk_waits_for_its_reply() {
        let mut session = Session::open(ONE_BY_ONE, Protocol::Smtp);
        session.send(binary());
        assert_eq!(session.content(b"a", More::ThereIsMore), "BDAT 1\r\na");
        assert!(matches!(session.0.step(), ClientStep::Idle));
        assert_eq!(session.0.content(b"b", More::Last, some_moment()), Err(NotNow));
        session.hear("250 ok");
        assert!(matches!(session.0.step(), ClientStep::NeedContent));
        assert_eq!(session.content(b"", More::Last), "BDAT 0 LAST\r\n");
        session.hear("250 ok");
        assert!(session.outcome().0.iter().all(is_delivered));
    }

    #[test]
    fn chunks_do_not_run_away_from_their_replies() {
        let mut session = Session::open(OFFERS, Protocol::Smtp);
        session.send(binary());
        let mut chunks = 0;
        while matches!(session.0.step(), ClientStep::NeedContent) {
            session.content(b"a", More::ThereIsMore);
            chunks += 1;
        }
        assert_eq!(chunks, 8);
        session.hear("250 ok");
        assert!(matches!(session.0.step(), ClientStep::NeedContent));
    }

    #[test]
    fn a_refused_chunk_ends_the_transaction() {
        let mut session = Session::open(OFFERS, Protocol::Smtp);
        session.send(binary());
        session.content(b"a", More::ThereIsMore);
        session.content(b"b", More::ThereIsMore);
        session.hear("552 5.3.4 too big");
        assert!(matches!(session.0.step(), ClientStep::Idle), "the second chunk has no reply yet");
        session.hear("503 5.5.1 no transaction");
        let (recipients, connection) = session.outcome();
        let is_failed = |one: &RecipientOutcome| matches!(one, RecipientOutcome::Failed(reply) if reply.code().get() == 552);
        assert!(recipients.iter().all(is_failed), "{recipients:?}");
        assert_eq!(connection, Connection::Usable);
        session.0.send(two(), some_moment()).unwrap();
        assert!(session.said().starts_with("RSET\r\nMAIL FROM:<>\r\n"));
    }

    #[test]
    fn a_refused_chunk_after_the_last_one_was_sent_counts_too() {
        for (protocol, ends) in [(Protocol::Smtp, Connection::Usable), (Protocol::Lmtp, Connection::Ended)] {
            let mut session = Session::open(OFFERS, protocol);
            session.send(binary());
            session.content(b"a", More::ThereIsMore);
            session.content(b"b", More::Last);
            session.hear("451 4.3.0 later");
            if protocol == Protocol::Smtp {
                session.hear("503 5.5.1 no transaction");
            }
            let (recipients, connection) = session.outcome();
            let is_deferred = |one: &RecipientOutcome| matches!(one, RecipientOutcome::Deferred(reply) if reply.code().get() == 451);
            assert!(recipients.iter().all(is_deferred), "{recipients:?}");
            assert_eq!(connection, ends);
        }
    }

    #[test]
    fn lmtp_answers_the_last_chunk_for_each_recipient() {
        let mut session = Session::open(OFFERS, Protocol::Lmtp);
        session.send(binary());
        session.content(b"a", More::ThereIsMore);
        session.content(b"b", More::Last);
        session.hear("250 chunk\n250 one\n550 two");
        let (recipients, _) = session.outcome();
        assert!(is_delivered(&recipients[0]));
        assert!(matches!(recipients[1], RecipientOutcome::Failed(_)));
    }

    #[test]
    fn content_is_in_doubt_only_once_its_end_was_given_out() {
        let at_content = || {
            let mut session = Session::open("250-x\n250 PIPELINING", Protocol::Smtp);
            session.0.send(two(), some_moment()).unwrap();
            session.said();
            session.hear("250 ok\n250 ok\n250 ok\n354 go");
            session
        };
        let mut session = at_content();
        session.content(b"x\r\n", More::ThereIsMore);
        session.0.hang_up();
        assert!(matches!(session.outcome().0[0], RecipientOutcome::Interrupted(_)));
        let mut session = at_content();
        session.0.content(b"x\r\n", More::Last, some_moment()).unwrap();
        session.0.hang_up();
        assert!(matches!(session.outcome().0[0], RecipientOutcome::Interrupted(_)));
        let mut session = at_content();
        session.content(b"x\r\n", More::Last);
        session.0.hang_up();
        assert!(matches!(session.outcome().0[0], RecipientOutcome::InDoubt(_)));
        let mut session = at_content();
        session.content(b"x\r\n", More::Last);
        session.0.quit(some_moment());
        assert!(matches!(session.outcome().0[0], RecipientOutcome::InDoubt(_)));
    }

    #[test]
    fn a_server_may_refuse_content_before_its_end() {
        let rows = [
            ("552 5.3.4 too big", "Failed"),
            ("451 later", "Deferred"),
            ("421 bye", "Deferred"),
            ("250 ok", "Interrupted"),
        ];
        for (reply, wanted) in rows {
            let mut session = Session::open("250-x\n250 PIPELINING", Protocol::Smtp);
            session.0.send(two(), some_moment()).unwrap();
            session.said();
            session.hear("250 ok\n250 ok\n250 ok\n354 go");
            session.content(b"x\r\n", More::ThereIsMore);
            session.hear(reply);
            assert_eq!(session.0.content(b"y\r\n", More::Last, some_moment()), Err(NotNow));
            let (recipients, connection) = session.outcome();
            assert!(recipients.iter().all(|one| format!("{one:?}").starts_with(wanted)), "{recipients:?}");
            assert_eq!(connection, Connection::Ended);
            assert!(matches!(session.0.step(), ClientStep::Close));
        }
    }

    #[test]
    fn content_begun_can_only_be_taken_back_by_closing() {
        let mut session = Session::open("250-x\n250 PIPELINING", Protocol::Smtp);
        session.0.send(two(), some_moment()).unwrap();
        session.said();
        session.hear("250 ok\n550 no\n250 ok\n354 go");
        session.content(b"x\r\n", More::ThereIsMore);
        session.0.quit(some_moment());
        let (recipients, connection) = session.outcome();
        assert!(matches!(recipients[0], RecipientOutcome::Failed(_)));
        assert!(matches!(recipients[1], RecipientOutcome::Interrupted(_)));
        assert_eq!(connection, Connection::Ended);
        assert!(matches!(session.0.step(), ClientStep::Close));
    }
}
