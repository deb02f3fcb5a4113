//! MAIL, RCPT, DATA: what is said, in which order, and what every kind of reply does to whom.

use crate::stage::{Scene, mail};
use gatepost_mail::{Body, EnvelopeId, International, Notify, NotifyOn, Octets, OriginalRecipient, Return};
use gatepost_smtp::Transaction;

const PIPELINING: &[&str] = &["PIPELINING"];

fn two() -> Transaction {
    mail("<a@x.example>", &["<b@y.example>", "<c@y.example>"])
}

fn three() -> Transaction {
    mail("<a@x.example>", &["<b@y.example>", "<c@y.example>", "<d@y.example>"])
}

/// What is said for `two` with and without PIPELINING; `replies` are those to MAIL, both RCPT and DATA.
#[track_caller]
fn both_ways(replies: [&str; 4], rest: &str, wanted: &[&str]) {
    let [mail, first, second, data] = replies;
    let one_by_one = format!(
        "C MAIL FROM:<a@x.example>\nS {mail}\nC RCPT TO:<b@y.example>\nS {first}\n\
         C RCPT TO:<c@y.example>\nS {second}\nC DATA\nS {data}\n{rest}"
    );
    let at_once = format!(
        "C MAIL FROM:<a@x.example>\nC RCPT TO:<b@y.example>\nC RCPT TO:<c@y.example>\nC DATA\n\
         S {mail}\nS {first}\nS {second}\nS {data}\n{rest}"
    );
    Scene::opened(&[], &one_by_one).sending(two(), "x\r\n").gives(wanted);
    Scene::opened(PIPELINING, &at_once).sending(two(), "x\r\n").gives(wanted);
}

const SENT: &str = "C x\nC .\nS 250 2.0.0 queued\nC QUIT\nS 221 bye";

#[test]
fn a_message_is_sent() {
    let wanted = ["delivered 250 2.0.0 queued", "delivered 250 2.0.0 queued", "usable", "close"];
    both_ways(["250 ok", "250 ok", "250 ok", "354 go"], SENT, &wanted);
    both_ways(["250 ok", "251 will forward", "252 cannot say", "354 go"], SENT, &wanted);
    both_ways(["299 ok", "250", "250 ok", "354"], SENT, &wanted);
}

#[test]
fn one_refused_recipient_does_not_harm_the_other() {
    let rows = [
        ("550 5.1.1 no such user", "failed 550 5.1.1 no such user"),
        ("450 4.2.1 greylisted", "deferred 450 4.2.1 greylisted"),
        ("552 5.2.2 mailbox full", "failed 552 5.2.2 mailbox full"),
        ("452 4.2.2 mailbox full", "deferred 452 4.2.2 mailbox full"),
        ("552 5.3.4 too big", "failed 552 5.3.4 too big"),
        ("553 no", "failed 553 no"),
        // RFC 5321 section 4.5.3.1.10: both mean that there are too many.
        ("452 too many", "not tried"),
        ("452 4.5.3 too many", "not tried"),
        ("552 too many", "not tried"),
        ("552 5.5.3 too many", "not tried"),
    ];
    for (reply, told) in rows {
        let wanted = ["delivered 250 2.0.0 queued", told, "usable", "close"];
        both_ways(["250 ok", "250 ok", reply, "354 go"], SENT, &wanted);
    }
}

#[test]
fn too_many_before_anyone_was_taken_means_later() {
    let wanted = ["deferred 452 4.5.3 too many", "delivered 250 2.0.0 queued", "usable", "close"];
    both_ways(["250 ok", "452 4.5.3 too many", "250 ok", "354 go"], SENT, &wanted);
}

#[test]
fn nobody_is_asked_for_after_too_many() {
    let script = "C MAIL FROM:<a@x.example>\nS 250 ok\nC RCPT TO:<b@y.example>\nS 250 ok\nC RCPT TO:<c@y.example>\n\
                  S 452 too many\nC DATA\nS 354 go\nC x\nC .\nS 250 ok\nC QUIT\nS 221 bye";
    Scene::opened(&[], script).sending(three(), "x\r\n").gives(&[
        "delivered 250 ok",
        "not tried",
        "not tried",
        "usable",
        "close",
    ]);
}

#[test]
fn a_refused_sender_is_everybodys_outcome() {
    for (reply, told) in [("550 5.7.1 no", "failed 550 5.7.1 no"), ("451 later", "deferred 451 later")] {
        let wanted = [told, told, "usable", "close"];
        let script = format!("C MAIL FROM:<a@x.example>\nS {reply}\nC QUIT\nS 221 bye");
        Scene::opened(&[], &script).sending(two(), "x\r\n").gives(&wanted);
        let script = format!(
            "C MAIL FROM:<a@x.example>\nC RCPT TO:<b@y.example>\nC RCPT TO:<c@y.example>\nC DATA\n\
             S {reply}\nS 503 mail first\nS 503 mail first\nS 503 mail first\nC QUIT\nS 221 bye"
        );
        Scene::opened(PIPELINING, &script).sending(two(), "x\r\n").gives(&wanted);
    }
}

#[test]
fn without_recipients_nothing_is_sent() {
    let refused = "C MAIL FROM:<a@x.example>\nC RCPT TO:<b@y.example>\nC RCPT TO:<c@y.example>\nC DATA\n\
                   S 250 ok\nS 550 no\nS 451 later\n";
    let wanted = ["failed 550 no", "deferred 451 later", "usable", "close"];
    // DATA is refused: fine. It is not: one dot, and whatever comes then.
    for rest in
        ["S 554 nobody\n", "S 503 nobody\n", "S 354 go\nC .\nS 554 nobody\n", "S 354 go\nC .\nS 250 ok\n"]
    {
        let script = format!("{refused}{rest}C QUIT\nS 221 bye");
        Scene::opened(PIPELINING, &script).sending(two(), "x\r\n").gives(&wanted);
    }
    let script = "C MAIL FROM:<a@x.example>\nS 250 ok\nC RCPT TO:<b@y.example>\nS 550 no\nC RCPT TO:<c@y.example>\n\
                  S 451 later\nC QUIT\nS 221 bye";
    Scene::opened(&[], script).sending(two(), "x\r\n").gives(&wanted);
}

#[test]
fn an_empty_message_is_never_sent_to_anyone() {
    // MAIL is refused and yet the rest is taken: a dot would be a message.
    let script = "C MAIL FROM:<a@x.example>\nC RCPT TO:<b@y.example>\nC RCPT TO:<c@y.example>\nC DATA\n\
                  S 451 later\nS 250 ok\nS 250 ok\nS 354 go";
    Scene::opened(PIPELINING, script).sending(two(), "x\r\n").gives(&[
        "deferred 451 later",
        "deferred 451 later",
        "ended",
        "close",
    ]);
    // With LMTP a dot without recipients gets no reply at all.
    let script = "C MAIL FROM:<a@x.example>\nC RCPT TO:<b@y.example>\nC RCPT TO:<c@y.example>\nC DATA\n\
                  S 250 ok\nS 550 no\nS 550 no\nS 354 go";
    Scene::opened(PIPELINING, script).lmtp().sending(two(), "x\r\n").gives(&[
        "failed 550 no",
        "failed 550 no",
        "ended",
        "close",
    ]);
}

#[test]
fn a_refused_data_is_the_outcome_of_those_who_were_taken() {
    for (reply, told) in [("554 5.7.1 no", "failed 554 5.7.1 no"), ("451 later", "deferred 451 later")] {
        both_ways(
            ["250 ok", "550 5.1.1 who?", "250 ok", reply],
            "C QUIT\nS 221 bye",
            &["failed 550 5.1.1 who?", told, "usable", "close"],
        );
    }
}

#[test]
fn a_lost_connection_says_where() {
    let rows = [
        ("hangup", "interrupted: the connection was lost at MAIL"),
        ("expire", "interrupted: nothing came for too long at MAIL"),
        ("S 250 ok\nhangup", "interrupted: the connection was lost at RCPT"),
        ("S 421 4.3.2 bye", "deferred 421 4.3.2 bye"),
        ("S 250 ok\nS 421 bye", "deferred 421 bye"),
        ("S 354 go", "interrupted: a reply that makes no sense at MAIL: 354 go"),
        ("S 250 ok\nS 354 go", "interrupted: a reply that makes no sense at RCPT: 354 go"),
        ("S huh", "interrupted: the server sent a line that does not begin with a reply code"),
    ];
    for (script, told) in rows {
        let script = format!(
            "C MAIL FROM:<a@x.example>\nC RCPT TO:<b@y.example>\nC RCPT TO:<c@y.example>\nC DATA\n{script}"
        );
        Scene::opened(PIPELINING, &script).sending(two(), "x\r\n").gives(&[told, told, "ended", "close"]);
    }
}

#[test]
fn who_was_settled_stays_settled() {
    let rows = [
        ("hangup", "interrupted: the connection was lost at DATA"),
        ("S 421 bye", "deferred 421 bye"),
        ("S 250 ok", "interrupted: a reply that makes no sense at DATA: 250 ok"),
    ];
    for (script, told) in rows {
        let script = format!(
            "C MAIL FROM:<a@x.example>\nC RCPT TO:<b@y.example>\nC RCPT TO:<c@y.example>\nC DATA\n\
             S 250 ok\nS 550 no\nS 250 ok\n{script}"
        );
        Scene::opened(PIPELINING, &script).sending(two(), "x\r\n").gives(&[
            "failed 550 no",
            told,
            "ended",
            "close",
        ]);
    }
}

fn rich() -> Transaction {
    let mut rich = mail("<a@bücher.example>", &["<b@y.example>", "<postmaster>", "<c@[192.0.2.1]>"]);
    rich.size = Some(Octets(1234));
    rich.body = Body::EightBitMime;
    rich.returns = Some(Return::Headers);
    rich.envelope_id = Some(EnvelopeId("QQ 314+159".into()));
    rich.recipients[0].notify = Notify::On(NotifyOn::SUCCESS.and(NotifyOn::DELAY));
    rich.recipients[0].original =
        Some(OriginalRecipient { kind: "rfc822".into(), address: "first+x@y.example".into() });
    rich.recipients[1].notify = Notify::Never;
    rich.recipients[1].original = Some(OriginalRecipient { kind: "utf-8".into(), address: "ü@y".into() });
    rich.recipients[2].original = Some(OriginalRecipient { kind: "bad\r\nkind".into(), address: "x".into() });
    rich
}

#[test]
fn parameters_are_said_where_they_are_understood() {
    let tail = "S 250 ok\nS 550 no\nS 550 no\nS 550 no\nS 503 no\nC QUIT\nS 221 bye";
    let wanted = ["failed 550 no", "failed 550 no", "failed 550 no", "usable", "close"];
    let rows: [(&[&str], &str); 4] = [
        (
            &["PIPELINING"],
            "C MAIL FROM:<a@xn--bcher-kva.example>\nC RCPT TO:<b@y.example>\nC RCPT TO:<postmaster>\n\
             C RCPT TO:<c@[192.0.2.1]>\nC DATA\n",
        ),
        (
            &["PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8"],
            "C MAIL FROM:<a@xn--bcher-kva.example> SIZE=1234 BODY=8BITMIME\nC RCPT TO:<b@y.example>\n\
             C RCPT TO:<postmaster>\nC RCPT TO:<c@[192.0.2.1]>\nC DATA\n",
        ),
        (
            &["PIPELINING", "DSN"],
            "C MAIL FROM:<a@xn--bcher-kva.example> RET=HDRS ENVID=QQ+20314+2B159\n\
             C RCPT TO:<b@y.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;first+2Bx@y.example\n\
             C RCPT TO:<postmaster> NOTIFY=NEVER ORCPT=utf-8;\\x{FC}@y\nC RCPT TO:<c@[192.0.2.1]>\nC DATA\n",
        ),
        (
            &["PIPELINING", "BINARYMIME", "CHUNKING", "STARTTLS", "AUTH PLAIN"],
            "C MAIL FROM:<a@xn--bcher-kva.example>\nC RCPT TO:<b@y.example>\nC RCPT TO:<postmaster>\n\
             C RCPT TO:<c@[192.0.2.1]>\nC DATA\n",
        ),
    ];
    for (offers, commands) in rows {
        Scene::opened(offers, &format!("{commands}{tail}")).sending(rich(), "x\r\n").gives(&wanted);
    }
}

#[test]
fn international_mail_says_so() {
    let mut international = rich();
    international.international = International::Yes;
    international.recipients.truncate(1);
    let script = "C MAIL FROM:<a@bücher.example> SMTPUTF8\nS 250 ok\nC RCPT TO:<b@y.example>\nS 550 no\nC QUIT\nS 221 x";
    Scene::opened(&["SMTPUTF8"], script).sending(international, "x\r\n").gives(&[
        "failed 550 no",
        "usable",
        "close",
    ]);
    // The parameter is needed although the client did not say it.
    let needing = mail("<a@bücher.example>", &["<ü@y.example>"]);
    let script = "C MAIL FROM:<a@bücher.example> SMTPUTF8\nS 250 ok\nC RCPT TO:<ü@y.example>\nS 550 no\nC QUIT\nS 221 x";
    Scene::opened(&["SMTPUTF8"], script).sending(needing, "x\r\n").gives(&[
        "failed 550 no",
        "usable",
        "close",
    ]);
}

#[test]
fn what_a_server_cannot_take_is_settled_without_it() {
    let utf8 = "failed 553 5.6.7 The next mail server cannot take addresses or header fields in UTF-8";
    let quit = "C QUIT\nS 221 bye";
    let sender = mail("<ä@x.example>", &["<b@y.example>"]);
    Scene::opened(&["8BITMIME"], quit).sending(sender, "x\r\n").gives(&[utf8, "usable", "close"]);
    let one = mail("<>", &["<ü@y.example>", "<b@ü.example>"]);
    let script = "C MAIL FROM:<>\nS 250 ok\nC RCPT TO:<b@xn--tda.example>\nS 250 ok\nC DATA\nS 354 go\n\
                  C x\nC .\nS 250 ok\nC QUIT\nS 221 bye";
    Scene::opened(&[], script).sending(one, "x\r\n").gives(&[utf8, "delivered 250 ok", "usable", "close"]);
    let large = Transaction { size: Some(Octets(1001)), ..two() };
    let told = "failed 552 5.3.4 The message is larger than the next mail server takes";
    Scene::opened(&["SIZE 1000"], quit).sending(large, "x\r\n").gives(&[told, told, "usable", "close"]);
    let binary = Transaction { body: Body::BinaryMime, ..two() };
    let told = "failed 554 5.6.3 The next mail server cannot take this content, and it cannot be converted";
    Scene::opened(&["8BITMIME", "CHUNKING"], quit)
        .sending(binary, "x\r\n")
        .gives(&[told, told, "usable", "close"]);
}

#[test]
fn no_more_recipients_are_sent_than_the_server_takes() {
    let script = "C MAIL FROM:<a@x.example>\nC RCPT TO:<b@y.example>\nC RCPT TO:<c@y.example>\nC DATA\n\
                  S 250 ok\nS 250 ok\nS 550 no\nS 354 go\nC x\nC .\nS 250 ok\nC QUIT\nS 221 bye";
    Scene::opened(&["PIPELINING", "LIMITS RCPTMAX=2"], script).sending(three(), "x\r\n").gives(&[
        "delivered 250 ok",
        "failed 550 no",
        "not tried",
        "usable",
        "close",
    ]);
    let domains = mail("<a@x.example>", &["<b@y.example>", "<c@z.example>", "<d@Y.example>"]);
    let script = "C MAIL FROM:<a@x.example>\nC RCPT TO:<b@y.example>\nC RCPT TO:<d@y.example>\nC DATA\n\
                  S 250 ok\nS 250 ok\nS 250 ok\nS 354 go\nC x\nC .\nS 250 ok\nC QUIT\nS 221 bye";
    Scene::opened(&["PIPELINING", "LIMITS RCPTDOMAINMAX=1"], script).sending(domains, "x\r\n").gives(&[
        "delivered 250 ok",
        "not tried",
        "delivered 250 ok",
        "usable",
        "close",
    ]);
}

#[test]
fn many_recipients_go_in_waves() {
    let paths: Vec<_> = (0..250).map(|number| format!("<r{number}@y.example>")).collect();
    let many = mail("<>", &paths.iter().map(String::as_str).collect::<Vec<_>>());
    let rcpt = |range: std::ops::Range<usize>| {
        range.map(|number| format!("C RCPT TO:<r{number}@y.example>\n")).collect::<String>()
    };
    let ok = |count: usize| "S 250 ok\n".repeat(count);
    // 100 commands, then 50 more whenever 50 replies have come.
    let script = [
        "C MAIL FROM:<>\n".to_owned(),
        rcpt(0..99),
        ok(50),
        rcpt(99..149),
        ok(50),
        rcpt(149..199),
        ok(50),
        rcpt(199..249),
        ok(50),
        rcpt(249..250),
        "C DATA\n".to_owned(),
        ok(51),
        "S 354 go\nC x\nC .\nS 250 ok\nC QUIT\nS 221 bye".to_owned(),
    ]
    .concat();
    let mut wanted = vec!["delivered 250 ok"; 250];
    wanted.extend(["usable", "close"]);
    Scene::opened(PIPELINING, &script).sending(many, "x\r\n").gives(&wanted);
}

#[test]
fn a_transaction_for_nobody_is_over_at_once() {
    Scene::opened(&[], "C QUIT\nS 221 bye").sending(mail("<>", &[]), "x\r\n").gives(&["usable", "close"]);
}
