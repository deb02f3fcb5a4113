//! Delivery reports, written from words that others chose.

use gatepost_mail::header::{AddressField, Field, HeaderLimits, HeaderScan};
use gatepost_mail::notice::{Action, Notice, Report, Reported};
use gatepost_mail::{
    Body, Ending, EnhancedStatus, Envelope, EnvelopeId, ForwardPath, International, Mailbox, Notify, Octets,
    OriginalRecipient, Principal, Recipient, Reply, ReplyCode, Return, ReversePath, SessionId, SpoolId,
};

use crate::choices::{Chance, Head};
use crate::fixed;

/// RFC 5322 section 2.1.1, with CRLF.
const LONGEST_LINE: usize = 1000;

/// How long ENVID and ORCPT may be as they are sent (RFC 3461 section 5.4): decoded they are no longer.
const LONGEST_ENVELOPE_ID: usize = 100;
const LONGEST_ORIGINAL: usize = 500;

/// Longest word that a peer's name for itself is.
const LONGEST_REMOTE: usize = 255;

/// How many borders stand before the third part: words may hold a boundary, but begin no line with it.
const BORDERS: usize = 3;

/// Takes the octets, line by line, as the words that a report is made of.
///
/// # Panics
///
/// If a line is too long or has no proper end, if the words can begin a field or a part of their own, or if 8-bit
/// octets stand where none may.
pub fn notice(octets: &[u8]) {
    let (head, food) = Head::split(octets);
    let text = String::from_utf8_lossy(food);
    let mut words = Words { lines: text.split('\u{1}').collect(), chance: head.chance() };
    let original = envelope(&head, &mut words);
    let replies = [words.reply(), words.reply()];
    let remote = words.text(LONGEST_REMOTE);
    let recipients: Vec<_> = original
        .recipients
        .iter()
        .zip(&replies)
        .map(|(recipient, reply)| Reported {
            recipient,
            action: words.chance.pick(&[Action::Failed, Action::Delayed, Action::Delivered, Action::Relayed]),
            reply: Some(reply),
            remote: words.chance.pick(&[None, Some(remote.as_str())]),
            last_attempt: words.chance.pick(&[None, Some(fixed::at())]),
            retry_until: words.chance.pick(&[None, Some(fixed::at())]),
            in_doubt: words.chance.pick(&[None, Some(remote.as_str())]),
        })
        .collect();
    let hostname = fixed::hostname();
    let report = Report {
        hostname: &hostname,
        id: SpoolId::from_number(2),
        at: fixed::at(),
        original: &original,
        original_id: SpoolId::from_number(1),
        original_size: Octets(100),
        recipients: &recipients,
    };
    match Notice::write(&report) {
        Some(notice) => check(&notice, "=0000000000002=0000000000001"),
        None => assert_eq!(original.reverse_path, ReversePath::Null),
    }
}

/// Lines of the input, one after the other; then nothing.
struct Words<'a> {
    lines: Vec<&'a str>,
    chance: Chance,
}

impl Words<'_> {
    fn text(&mut self, longest: usize) -> String {
        let line = if self.lines.is_empty() { "" } else { self.lines.remove(0) };
        line.get(..line.floor_char_boundary(longest)).unwrap_or_default().to_owned()
    }

    fn mailbox(&mut self) -> Option<Mailbox> {
        Mailbox::parse(&self.text(usize::MAX)).ok()
    }

    fn recipient(&mut self) -> Recipient {
        let path = self.mailbox().map_or(ForwardPath::Postmaster, ForwardPath::Mailbox);
        let kind = self.text(20).into();
        let address = self.text(LONGEST_ORIGINAL).into();
        let original = (!self.chance.once_in(3)).then_some(OriginalRecipient { kind, address });
        Recipient { path, notify: Notify::Unsaid, original }
    }

    fn reply(&mut self) -> Reply {
        let code = ReplyCode::new(self.chance.pick(&[550, 451, 250]));
        let code = code.unwrap_or(gatepost_mail::reply::table::RELAY_DENIED.code());
        let status = self.chance.pick(&[None, Some(EnhancedStatus::new(5, 999, 999))]);
        Reply::heard(code, status, self.text(usize::MAX))
    }
}

fn envelope(head: &Head, words: &mut Words<'_>) -> Envelope {
    Envelope {
        reverse_path: words.mailbox().map_or(ReversePath::Null, ReversePath::Mailbox),
        recipients: vec![words.recipient(), words.recipient()],
        body: head.pick(0, &[Body::SevenBit, Body::EightBitMime, Body::BinaryMime]),
        ending: Ending::Line,
        international: head.pick(1, &[International::No, International::Yes]),
        returns: head.pick(2, &[None, Some(Return::Full), Some(Return::Headers)]),
        envelope_id: Some(EnvelopeId(words.text(LONGEST_ENVELOPE_ID).into())),
        principal: Principal::Account("ada".into()),
        session: SessionId::from_number(1),
        received: fixed::at(),
    }
}

fn check(notice: &Notice, boundary: &str) {
    fixed::assert_lines(&notice.prefix, LONGEST_LINE);
    fixed::assert_lines(&notice.suffix, LONGEST_LINE);
    let text = String::from_utf8_lossy(&notice.prefix);
    assert!(std::str::from_utf8(&notice.prefix).is_ok(), "{text}");
    // The recipient's own address may need SMTPUTF8, which is then asked for.
    if notice.body == Body::SevenBit && notice.international == International::No {
        assert!(notice.prefix.is_ascii(), "{text}");
    }
    let is_border = |line: &&str| line.strip_prefix("--").is_some_and(|rest| rest.starts_with(boundary));
    assert_eq!(text.split("\r\n").filter(is_border).count(), BORDERS, "{text}");
    let mut scan = HeaderScan::new(HeaderLimits::default());
    let _ = scan.piece(&notice.prefix);
    let facts = scan.finish();
    assert_eq!(facts.malformed_lines, 0, "{text}");
    let AddressField::Mailboxes(from) = &facts.from else { unreachable!("{text}") };
    assert_eq!(from.len(), 1, "{text}");
    assert!(facts.has(Field::Date) && facts.has(Field::MessageId) && !facts.has(Field::Bcc), "{text}");
    assert_eq!(facts.received, 0, "{text}");
    check_fields(&text);
}

/// The part for programs has groups of the fields that we write, and no others.
fn check_fields(text: &str) {
    const KNOWN: [&str; 13] = [
        "Reporting-MTA",
        "Original-Envelope-Id",
        "X-Gatepost-Id",
        "Arrival-Date",
        "Original-Recipient",
        "Final-Recipient",
        "Action",
        "Status",
        "Remote-MTA",
        "Diagnostic-Code",
        "Last-Attempt-Date",
        "Will-Retry-Until",
        "Content-Transfer-Encoding",
    ];
    let part = text.split("\r\nContent-Type: message/").nth(1).unwrap_or_default();
    let part = part.split_once("\r\n").map_or("", |(_type, part)| part);
    let part = part.split("\r\n--=").next().unwrap_or_default();
    assert!(part.contains("Final-Recipient: "), "{text}");
    for line in part.split("\r\n").filter(|line| !line.is_empty() && !line.starts_with('\t')) {
        let name = line.split_once(": ").map(|(name, _)| name);
        assert!(name.is_some_and(|name| KNOWN.contains(&name)), "{line:?} in {text}");
    }
    assert_eq!(part.matches("\r\nFinal-Recipient: ").count(), 2, "{text}");
}
