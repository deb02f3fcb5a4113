use super::*;
use crate::reply::{Detail, table};
use crate::{
    Ending, EnvelopeId, ForwardPath, Notify, OriginalRecipient, Principal, ReplyCode, ReversePath, SessionId,
};

fn envelope(reverse_path: &str, recipients: &[&str]) -> Envelope {
    Envelope {
        reverse_path: ReversePath::parse(reverse_path).unwrap(),
        recipients: recipients.iter().map(|path| Recipient::new(ForwardPath::parse(path).unwrap())).collect(),
        body: Body::SevenBit,
        ending: Ending::Line,
        international: International::No,
        returns: None,
        envelope_id: None,
        principal: Principal::Account("ada".into()),
        session: SessionId::from_number(1),
        received: at(0),
    }
}

fn at(minutes: u64) -> Timestamp {
    Timestamp::from_micros((1_795_299_337 + 60 * minutes) * 1_000_000)
}

fn reported(recipient: &Recipient, action: Action) -> Reported<'_> {
    Reported {
        recipient,
        action,
        reply: None,
        remote: None,
        last_attempt: None,
        retry_until: None,
        in_doubt: None,
    }
}

fn write(original: &Envelope, recipients: &[Reported<'_>], size: Octets) -> Option<Notice> {
    let hostname = Domain::parse("mail.ours.example").unwrap();
    Notice::write(&Report {
        hostname: &hostname,
        id: SpoolId::from_number(2),
        at: at(60),
        original,
        original_id: SpoolId::from_number(1),
        original_size: size,
        recipients,
    })
}

fn text(notice: &Notice) -> &str {
    std::str::from_utf8(&notice.prefix).unwrap()
}

#[test]
fn a_failure_tells_people_and_programs() {
    let mut original = envelope("<ada@ours.example>", &["<bob@there.example>", "<postmaster>"]);
    original.envelope_id = Some(EnvelopeId("QQ 314159".into()));
    original.recipients[0].original =
        Some(OriginalRecipient { kind: "rfc822".into(), address: "robert@first.example".into() });
    let status = EnhancedStatus::new(5, 1, 1);
    let reply = Reply::heard(ReplyCode::new(550).unwrap(), Some(status), "No such user\nhere".into());
    let notice = write(
        &original,
        &[
            Reported {
                reply: Some(&reply),
                remote: Some("mx.there.example"),
                last_attempt: Some(at(59)),
                ..reported(&original.recipients[0], Action::Failed)
            },
            Reported { reply: Some(&table::EXPIRED), ..reported(&original.recipients[1], Action::Failed) },
        ],
        Octets(100),
    )
    .unwrap();
    let text = text(&notice);
    for line in [
        "Date: Sat, 21 Nov 2026 23:15:37 +0000",
        "From: Mail Delivery System <mailer-daemon@mail.ours.example>",
        "To: <ada@ours.example>",
        "Subject: Your message could not be delivered",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        "Content-Type: multipart/report; report-type=delivery-status;",
        "  <bob@there.example>",
        "    mx.there.example said: 550 5.1.1 No such user here",
        "    This address does not exist. Check its spelling, and ask the person for",
        "    the right one.",
        "Content-Type: message/delivery-status",
        "Reporting-MTA: dns; mail.ours.example",
        "Original-Envelope-Id: QQ 314159",
        "Arrival-Date: Sat, 21 Nov 2026 22:15:37 +0000",
        "Original-Recipient: rfc822; robert@first.example",
        "Final-Recipient: rfc822; bob@there.example",
        "Action: failed",
        "Status: 5.1.1",
        "Remote-MTA: dns; mx.there.example",
        "Diagnostic-Code: smtp; 550 5.1.1 No such user here",
        "Last-Attempt-Date: Sat, 21 Nov 2026 23:14:37 +0000",
        "Final-Recipient: rfc822; postmaster@mail.ours.example",
        "Status: 5.4.7",
        "Diagnostic-Code: x-gatepost; 554 5.4.7 The message could not be delivered in",
        "Content-Type: text/rfc822-headers",
    ] {
        assert!(text.contains(&format!("\r\n{line}\r\n")) || text.starts_with(line), "{line}\n{text}");
    }
    assert!(!text.contains("8bit"));
    assert_eq!(notice.returned, Returned::HeaderSection);
    assert_eq!(notice.recipient.to_string(), "ada@ours.example");
    assert_eq!((notice.body, notice.international), (Body::SevenBit, International::No));
}

#[test]
fn the_parts_are_parted() {
    let original = envelope("<ada@ours.example>", &["<bob@there.example>"]);
    let recipients = [reported(&original.recipients[0], Action::Failed)];
    let notice = write(&original, &recipients, Octets(100)).unwrap();
    let text = text(&notice);
    let boundary = text.split_once("boundary=\"").unwrap().1.split_once('"').unwrap().0;
    let parts: Vec<&str> = text.split(&format!("--{boundary}\r\n")).collect();
    assert_eq!(parts.len(), 4);
    assert!(parts[..3].iter().all(|part| part.ends_with("\r\n")));
    assert!(parts[3].ends_with("Content-Type: text/rfc822-headers\r\n\r\n"));
    assert_eq!(notice.suffix, format!("\r\n--{boundary}--\r\n").as_bytes());
}

#[test]
fn delays_and_successes_have_their_words() {
    let original = envelope("<ada@ours.example>", &["<a@x.example>", "<b@x.example>", "<c@x.example>"]);
    let [a, b, c] = [0, 1, 2].map(|index| &original.recipients[index]);
    let delay = Reported {
        reply: Some(&table::UNKNOWN_FOR_NOW),
        retry_until: Some(at(1000)),
        ..reported(a, Action::Delayed)
    };
    let recipients = [delay, reported(b, Action::Relayed), reported(c, Action::Delivered)];
    let notice = write(&original, &recipients, Octets(100)).unwrap();
    let text = text(&notice);
    for line in [
        "Subject: Your message is delayed",
        "Action: delayed",
        "Status: 4.4.3",
        "Will-Retry-Until: Sun, 22 Nov 2026 14:55:37 +0000",
        "    We try until Sun, 22 Nov 2026 14:55:37 +0000.",
        "Action: relayed",
        "Action: delivered",
        "Status: 2.0.0",
    ] {
        assert!(text.contains(&format!("\r\n{line}\r\n")), "{line}\n{text}");
    }
    let alone = write(&original, &recipients[2..], Octets(100)).unwrap();
    assert!(
        std::str::from_utf8(&alone.prefix).unwrap().contains("Subject: Your message has been delivered\r\n")
    );
}

#[test]
fn nobody_is_told_about_reports() {
    let original = envelope("<>", &["<bob@there.example>"]);
    assert_eq!(write(&original, &[reported(&original.recipients[0], Action::Failed)], Octets(1)), None);
    let original = envelope("<ada@ours.example>", &["<bob@there.example>"]);
    assert_eq!(write(&original, &[], Octets(1)), None);
}

#[test]
fn what_is_returned_follows_wish_and_size() {
    use Action::{Delayed, Delivered, Failed};
    use Body::{BinaryMime, EightBitMime, SevenBit};
    let full = Some(Return::Full);
    let (small, large) = (LARGEST_RETURNED, LARGEST_RETURNED + Octets(1));
    let section = (Returned::HeaderSection, "text/rfc822-headers");
    let message = (Returned::Message, "message/rfc822");
    let rows = [
        (None, Failed, small, SevenBit, section),
        (Some(Return::Headers), Failed, small, SevenBit, section),
        (full, Failed, small, SevenBit, message),
        (full, Failed, large, SevenBit, section),
        (full, Delayed, small, SevenBit, section),
        (full, Delivered, small, SevenBit, section),
        (full, Failed, small, EightBitMime, message),
        (full, Failed, small, BinaryMime, section),
    ];
    for (returns, action, size, body, (want, kind)) in rows {
        let mut original = envelope("<ada@ours.example>", &["<bob@there.example>"]);
        (original.returns, original.body) = (returns, body);
        let notice = write(&original, &[reported(&original.recipients[0], action)], size).unwrap();
        assert_eq!(notice.returned, want, "{returns:?} {action:?} {size:?} {body:?}");
        assert!(text(&notice).contains(&format!("Content-Type: {kind}\r\n")));
        let eight_bit = body != Body::SevenBit;
        assert_eq!(notice.body == Body::EightBitMime, eight_bit);
        assert_eq!(text(&notice).contains("Content-Transfer-Encoding: 8bit\r\n"), eight_bit);
    }
}

#[test]
fn international_messages_have_international_reports() {
    let mut original = envelope("<jürgen@bücher.example>", &["<петя@там.example>"]);
    original.international = International::Yes;
    original.returns = Some(Return::Full);
    let notice = write(&original, &[reported(&original.recipients[0], Action::Failed)], Octets(1)).unwrap();
    for line in [
        "To: <jürgen@bücher.example>",
        "Content-Type: multipart/report; report-type=global-delivery-status;",
        "Content-Type: message/global-delivery-status",
        "Final-Recipient: utf-8; петя@там.example",
        "Content-Type: message/global",
    ] {
        assert!(text(&notice).contains(&format!("\r\n{line}\r\n")), "{line}\n{}", text(&notice));
    }
    assert_eq!((notice.body, notice.international), (Body::EightBitMime, International::Yes));
}

/// Without SMTPUTF8 everything that we write is ASCII, whatever peers said and senders named.
#[test]
fn plain_messages_have_plain_reports() {
    let mut original = envelope("<ada@bücher.example>", &["<bob@там.example>"]);
    original.recipients[0].notify = Notify::Never;
    original.recipients[0].original =
        Some(OriginalRecipient { kind: "utf-8".into(), address: "петя@там.example".into() });
    let reply = Reply::heard(ReplyCode::new(550).unwrap(), None, "нет".into());
    let recipients = [Reported {
        reply: Some(&reply),
        remote: Some("mx"),
        ..reported(&original.recipients[0], Action::Failed)
    }];
    let notice = write(&original, &recipients, Octets(1)).unwrap();
    assert!(notice.prefix.is_ascii());
    assert!(text(&notice).contains("To: <ada@xn--bcher-kva.example>\r\n"));
    assert!(text(&notice).contains("Final-Recipient: rfc822; bob@xn--"));
    assert!(text(&notice).contains("Original-Recipient: utf-8; \\x{43F}"));
    assert_eq!(notice.international, International::No);
}

/// Whatever a peer says, it cannot begin a field or a part, and no line grows too long.
#[test]
fn foreign_words_stay_where_they_are() {
    let words = format!("x\r\nAction: delivered\r\n\r\n--=0\r\n{}\n{}", "y".repeat(5000), "z ".repeat(3000));
    let reply = Reply::heard(ReplyCode::new(550).unwrap(), None, words.clone());
    let mut original = envelope("<ada@ours.example>", &["<bob@there.example>"]);
    original.envelope_id = Some(EnvelopeId("a\r\nAction: delivered".into()));
    original.recipients[0].original =
        Some(OriginalRecipient { kind: "rfc822\r\n".into(), address: "a\r\nAction: delivered".into() });
    let recipients = [Reported {
        reply: Some(&reply),
        remote: Some("mx\r\nAction: delivered"),
        ..reported(&original.recipients[0], Action::Failed)
    }];
    let notice = write(&original, &recipients, Octets(1)).unwrap();
    let lines: Vec<&str> = text(&notice).split("\r\n").collect();
    assert_eq!(lines.iter().filter(|line| line.starts_with("Action:")).count(), 1);
    assert_eq!(lines.iter().filter(|line| line.starts_with("--=0")).count(), 3);
    assert!(lines.iter().all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])));
}

#[test]
fn statuses_fit_their_action() {
    let recipient = Recipient::new(ForwardPath::Postmaster);
    let rows = [
        (Action::Failed, Some(Reply::say(550, Detail::new(1, 1), "")), "5.1.1"),
        (Action::Failed, Some(Reply::say(450, Detail::new(2, 2), "")), "4.2.2"),
        (Action::Failed, Some(Reply::plain(550, "")), "5.0.0"),
        (Action::Failed, None, "5.0.0"),
        (Action::Delayed, Some(Reply::say(450, Detail::new(2, 2), "")), "4.2.2"),
        (Action::Delayed, None, "4.0.0"),
        (Action::Delivered, Some(Reply::say(250, Detail::new(1, 5), "")), "2.1.5"),
        (Action::Relayed, Some(Reply::say(550, Detail::new(1, 5), "")), "2.0.0"),
    ];
    for (action, reply, want) in rows {
        let reported = Reported { reply: reply.as_ref(), ..reported(&recipient, action) };
        assert_eq!(reported.status().to_string(), want, "{action:?} {reply:?}");
    }
}

#[test]
fn an_address_that_is_spelt_out_is_folded() {
    let mut original = envelope("<ada@ours.example>", &["<bob@there.example>"]);
    original.recipients[0].original =
        Some(OriginalRecipient { kind: "utf-8".into(), address: "ä".repeat(250).into() });
    let notice = write(&original, &[reported(&original.recipients[0], Action::Failed)], Octets(100)).unwrap();
    assert!(text(&notice).contains("Original-Recipient: utf-8;\r\n\t\\x{E4}"));
    assert!(text(&notice).lines().all(|line| line.len() <= 998));
}
