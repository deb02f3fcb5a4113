use gatepost_mail::Timestamp;
use gatepost_mta::What;

use super::*;

fn told(what: What) -> String {
    let Ok(Value::Object(fields)) = serde_json::to_value(what.at(Timestamp::from_micros(0))) else {
        panic!("an event is an object")
    };
    sentence(&fields)
}

fn client() -> std::net::SocketAddr {
    "192.0.2.1:4711".parse().unwrap()
}

#[test]
fn a_session_is_told_in_sentences() {
    let text = str::to_owned;
    let rows = [
        (
            What::Connected { listener: text("mx"), client: client() },
            "192.0.2.1:4711 connected to listener mx",
        ),
        (
            What::RecipientRefused {
                sender: text("<>"),
                recipient: text("bob@there.example"),
                client: client().ip(),
                rule: "relay.denied",
                because: text("not ours"),
                reply: text("550 5.7.1 No"),
            },
            "recipient <bob@there.example> (from <>) was refused: 550 5.7.1 No [relay.denied]; not ours",
        ),
        (
            What::Repeated {
                first_session: text("00000000000s1"),
                client: client().ip(),
                rule: "content.repeated",
                because: text("the first session has not been heard since its 250"),
            },
            "192.0.2.1 handed the message of session 00000000000s1 in again, and was told that it is queued already \
             [content.repeated]; the first session has not been heard since its 250",
        ),
        (
            What::Queued {
                principal: text("account ada"),
                device: None,
                sender: text("ada@here.example"),
                recipients: vec![text("<a@b.example>"), text("<c@d.example>")],
                count: 5,
                size: 2048,
                client: text("192.0.2.1"),
            },
            "queued on stable storage: from <ada@here.example> to <a@b.example>, <c@d.example> and 3 more, \
             2 KiB, account ada answers for it",
        ),
    ];
    for (what, want) in rows {
        assert_eq!(told(what), want);
    }
}

#[test]
fn logins_are_told_in_sentences() {
    let text = str::to_owned;
    let rows = [
        (
            What::LoginFailed {
                client: client().ip(),
                network: "stranger",
                rule: "auth.wrong",
                mechanism: text("PLAIN"),
                user: String::new(),
                because: text("no such user"),
                reply: text("535 5.7.8 Wrong"),
            },
            "somebody could not log in from 192.0.2.1 with PLAIN: 535 5.7.8 Wrong [auth.wrong]; no such user",
        ),
        (
            What::Alarm {
                client: client().ip(),
                rule: "auth.binding-mismatch",
                mechanism: "SCRAM-SHA-256-PLUS",
                user: text("ada@here.example"),
                cause: text("it does not match"),
                hint: "look",
            },
            "ALARM: the login of \"ada@here.example\" from 192.0.2.1 with SCRAM-SHA-256-PLUS: it does not match \
             [auth.binding-mismatch]; look",
        ),
        (
            What::LoggedIn {
                account: text("ada@here.example"),
                device: Some(text("printer")),
                mechanism: "LOGIN",
                client: client().ip(),
            },
            "logged in as ada@here.example (device printer) with LOGIN",
        ),
    ];
    for (what, want) in rows {
        assert_eq!(told(what), want);
    }
}

#[test]
fn a_delivery_is_told_in_sentences() {
    let text = str::to_owned;
    let rows = [
        (
            What::Delivered {
                recipient: text("<a@b.example>"),
                next_hop: text("mx.b.example [192.0.2.9]:25"),
                reply: text("250 2.0.0 fine"),
                tls: text("TLSv1.3"),
                delay: 1.26,
            },
            "delivered to <a@b.example> through mx.b.example [192.0.2.9]:25, TLSv1.3, after 1.3 s: 250 2.0.0 fine",
        ),
        (
            What::Deferred {
                recipient: text("<a@b.example>"),
                next_hop: String::new(),
                cause: text("no answer"),
                attempts: 2,
                due: Timestamp::from_micros(60_000_000),
            },
            "<a@b.example> waits until 1970-01-01T00:01:00.000Z, after attempt 2: no answer",
        ),
        (
            What::SiteRests {
                next_hop: text("mx.there.example"),
                seconds: 30,
                rule: "retry.rest",
                cause: text("connection refused"),
            },
            "nobody was reached at mx.there.example: connection refused; it rests for 30 s, and what comes due for \
             it waits on without a try [retry.rest]",
        ),
        (What::Finished { delay: 0.04 }, "the message left the queue after 0.0 s"),
    ];
    for (what, want) in rows {
        assert_eq!(told(what), want);
    }
}

#[test]
fn an_unknown_event_is_told_with_all_it_has() {
    let Value::Object(fields) = serde_json::json!({ "event": "new", "at": "x", "a": 1, "b": ["c", "d"] })
    else {
        panic!("an object")
    };
    assert_eq!(sentence(&fields), "new: a=1 b=c, d");
}
