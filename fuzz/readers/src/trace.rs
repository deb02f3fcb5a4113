//! The fields that a server adds, made of a peer's words.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gatepost_mail::header::{Field, HeaderLimits, HeaderScan};
use gatepost_mail::trace::{Greeting, Hop, LoggedIn, TlsWords, delivered_to, missing, received, return_path};
use gatepost_mail::{Domain, ForwardPath, Hello, International, ReversePath, SpoolId};

use crate::choices::Head;
use crate::fixed;

/// RFC 5322 section 2.1.1, with CRLF.
const LONGEST_LINE: usize = 1000;

/// Takes the octets, line by line, as the words of which trace fields are made.
///
/// # Panics
///
/// If a field is more than one, or a line of it is too long or has no proper end.
pub fn trace(octets: &[u8]) {
    let (head, food) = Head::split(octets);
    let text = String::from_utf8_lossy(food);
    let mut lines = text.split('\u{1}');
    let mut word = || lines.next().unwrap_or_default();
    let Some(hello) = Hello::parse(word()) else { return };
    let client_name = Domain::parse(word()).ok();
    let forward = ForwardPath::parse(word()).ok();
    let reverse = ReversePath::parse(word()).ok();
    let tls = TlsWords { version: word(), cipher: word() };
    let by = fixed::hostname();
    let hop = Hop {
        hello: &hello,
        client: head
            .pick(0, &[None, Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), Some(IpAddr::V6(Ipv6Addr::LOCALHOST))]),
        client_name: client_name.as_ref(),
        by: &by,
        greeting: head.pick(1, &[Greeting::Ehlo, Greeting::Helo, Greeting::Lhlo]),
        // Its words come from our own TLS library: long ones are not to be feared.
        tls: (tls.version.len() < 100 && tls.cipher.len() < 100).then_some(tls),
        logged_in: head.pick(2, &[LoggedIn::No, LoggedIn::Yes]),
        international: head.pick(3, &[International::No, International::Yes]),
        id: SpoolId::from_number(1),
        only_recipient: forward.as_ref(),
        at: fixed::at(),
    };
    let mut section = received(&hop);
    let mut fields = 1;
    if let Some(path) = &reverse {
        section.extend(return_path(path));
        fields += 1;
    }
    if let Some(mailbox) = forward.as_ref().and_then(ForwardPath::mailbox) {
        section.extend(delivered_to(mailbox));
        fields += 1;
    }
    check(&section, fields);
}

fn check(section: &[u8], fields: usize) {
    let text = String::from_utf8_lossy(section);
    fixed::assert_lines(section, LONGEST_LINE);
    let begin = text.split_inclusive("\r\n").filter(|line| !line.starts_with('\t'));
    assert_eq!(begin.count(), fields, "{text}");
    let mut scan = HeaderScan::new(HeaderLimits::default());
    let _ = scan.piece(section);
    let facts = scan.finish();
    assert_eq!((facts.received, facts.malformed_lines), (1, 0), "{text}");
    assert_eq!(facts.delivered_to.len() + 1 + usize::from(facts.has(Field::ReturnPath)), fields, "{text}");
    let added = missing(&facts, SpoolId::from_number(1), &fixed::hostname(), fixed::at());
    fixed::assert_lines(&added, LONGEST_LINE);
}
