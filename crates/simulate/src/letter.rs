//! A message that a client sends, and what arrives of it.

use std::fmt::Write as _;

use crate::chance::Chance;
use crate::names::{BEHIND, FAR, OURS, PLAIN, THERE};
use crate::plan::Door;

/// Mailboxes whose local part begins so are unknown to their hosts.
pub(crate) const GONE: &str = "gone";

/// A message as its client knows it.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    /// Its Message-ID without the brackets.
    pub(crate) name: String,
    pub(crate) door: Door,
    /// Empty for the null sender.
    pub(crate) sender: String,
    pub(crate) recipients: Vec<String>,
    pub(crate) content: Vec<u8>,
}

impl Letter {
    /// The `number`th message of a client.
    pub(crate) fn write((client, number): (u8, u64), door: Door, chance: &mut Chance) -> Self {
        let name = format!("m{number}.c{client}.{:x}@sim", chance.next() >> 40);
        let sender = match door {
            Door::Mx if chance.one_in(8) => String::new(),
            Door::Mx => format!("s{client}@{}", if chance.one_in(2) { THERE } else { FAR }),
            Door::Submission => format!("s{client}@{OURS}"),
        };
        let domains: &[&str] = match door {
            Door::Mx => &[OURS, BEHIND],
            Door::Submission => &[OURS, BEHIND, THERE, FAR, PLAIN],
        };
        let mut recipients: Vec<String> = Vec::new();
        for _ in 0..chance.between(1, 5) {
            let kind = if chance.percent(8) { GONE } else { "u" };
            let domain = chance.pick(domains).copied().unwrap_or(OURS);
            let recipient = format!("{kind}{}@{domain}", chance.below(6));
            if !recipients.contains(&recipient) {
                recipients.push(recipient);
            }
        }
        let content = content(&name, &sender, chance);
        Self { name, door, sender, recipients, content }
    }
}

fn content(name: &str, sender: &str, chance: &mut Chance) -> Vec<u8> {
    let from = if sender.is_empty() { "daemon@far.example" } else { sender };
    let mut text = String::new();
    let _ = write!(
        text,
        "From: {from}\r\nTo: undisclosed: ;\r\nDate: Thu, 26 Nov 2026 08:00:00 +0000\r\nMessage-ID: <{name}>\r\nSubject: a test\r\n\r\n"
    );
    let most = if chance.one_in(6) { 15 } else { 11 };
    let least = 1 << chance.between(4, most);
    while text.len() < least {
        match chance.below(5) {
            0 => text.push_str(".\r\n"),
            1 => text.push_str("..dots\r\n"),
            2 => text.push_str("\r\n"),
            _ => {
                let length = chance.between(1, 120);
                (0..length).for_each(|_| text.push(letter_of(chance)));
                text.push_str("\r\n");
            }
        }
    }
    text.into_bytes()
}

fn letter_of(chance: &mut Chance) -> char {
    const LETTERS: &[char] = &['a', 'b', 'c', 'd', 'e', ' ', '.', '-', 'X', 'Y', 'Z', '='];
    chance.pick(LETTERS).copied().unwrap_or('a')
}

/// What an arrived message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Arrived {
    /// A message of a client's: its name, and its queue id by the server's trace field.
    Letter { name: String, id: String },
    /// A report of the server's.
    Report(Report),
    /// Neither.
    Odd(String),
}

/// What a report says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// The name of the message that it is about.
    pub(crate) name: String,
    /// That message's queue id.
    pub(crate) id: String,
    /// Those that it says have failed.
    pub(crate) failed: Vec<String>,
    /// Its own Message-ID.
    pub(crate) own: String,
}

/// Reads what a host was given.
pub(crate) fn read(sender: &str, content: &[u8]) -> Arrived {
    let text = String::from_utf8_lossy(content);
    if sender.is_empty() && text.contains("multipart/report") {
        return report(&text)
            .map_or_else(|| Arrived::Odd("a report about nothing".to_owned()), Arrived::Report);
    }
    match (value(&text, "Message-ID: <", ">"), value(&text, "\r\n\tid ", ";")) {
        (Some(name), Some(id)) => {
            let id = id.split("\r\n").next().unwrap_or_default().to_owned();
            Arrived::Letter { name: name.to_owned(), id }
        }
        (name, id) => Arrived::Odd(format!("without a name or an id: {name:?}, {id:?}")),
    }
}

fn report(text: &str) -> Option<Report> {
    let own = value(text, "Message-ID: <", ">")?.to_owned();
    let id = value(text, "X-Gatepost-Id: ", "\r\n")?.to_owned();
    let (_, returned) = text.split_once("\r\nReceived: ")?;
    let name = value(returned, "Message-ID: <", ">")?.to_owned();
    let failed = text.split("\r\n\r\n").filter(|block| block.contains("\r\nAction: failed\r\n"));
    let failed = failed.filter_map(|block| value(block, "Final-Recipient: rfc822;", "\r\n"));
    Some(Report { name, id, own, failed: failed.map(|mailbox| mailbox.trim().to_owned()).collect() })
}

fn value<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(value, _)| value)
}

/// Whether arrived content is what was sent, behind one trace field of the server's.
pub(crate) fn is_intact(sent: &[u8], arrived: &[u8]) -> bool {
    let Some(before) = arrived.strip_suffix(sent) else { return false };
    let fields = before.split(|&octet| octet == b'\n').filter(|line| !line.starts_with(b"\t"));
    let mut fields = fields.filter(|line| !line.is_empty());
    fields.next().is_some_and(|line| line.starts_with(b"Received: from ")) && fields.next().is_none()
}
