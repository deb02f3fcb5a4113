//! Addresses, paths, domains, names: what is read is read again from what it writes.

use gatepost_mail::{
    AddressLiteral, Domain, ForwardPath, Hello, LocalPart, Mailbox, ReversePath, SessionId, SpoolId,
};

/// Longest text of an address that was read, in octets: a local part with each letter escaped, and a domain.
const LONGEST: usize = 1000;

/// Feeds the octets to every reader of addresses.
///
/// # Panics
///
/// If what is written is not read as the same, or could end a line.
pub fn address(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    if let Ok(local_part) = LocalPart::parse(text) {
        is_harmless(&local_part.to_string());
        assert_eq!(LocalPart::parse(&local_part.to_string()), Ok(local_part));
    }
    if let Ok(domain) = Domain::parse(text) {
        check_domain(&domain);
    }
    if let Ok(literal) = AddressLiteral::parse(text) {
        assert_eq!(AddressLiteral::parse(&literal.to_string()), Ok(literal));
    }
    if let Ok(mailbox) = Mailbox::parse(text) {
        check_mailbox(&mailbox);
    }
    if let Ok(path) = ReversePath::parse(text) {
        is_harmless(&path.to_string());
        assert_eq!(ReversePath::parse(&path.to_string()), Ok(path));
    }
    if let Ok(path) = ForwardPath::parse(text) {
        is_harmless(&path.to_string());
        assert_eq!(ForwardPath::parse(&path.to_string()), Ok(path));
    }
    if let Some(hello) = Hello::parse(text) {
        is_harmless(hello.as_str());
        assert_eq!(Hello::parse(&hello.to_string()), Some(hello));
    }
    if let Ok(id) = text.parse::<SpoolId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    if let Ok(id) = text.parse::<SessionId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
}

fn check_domain(domain: &Domain) {
    is_harmless(domain.as_written());
    assert!(domain.ascii().is_ascii());
    assert_eq!(Domain::parse(domain.as_written()).as_ref(), Ok(domain), "as written");
    assert_eq!(Domain::parse(domain.ascii()).as_ref(), Ok(domain), "in ASCII");
    assert!(domain.is_within(domain));
}

fn check_mailbox(mailbox: &Mailbox) {
    is_harmless(&mailbox.to_string());
    assert_eq!(Mailbox::parse(&mailbox.to_string()).as_ref(), Ok(mailbox));
    assert_eq!(Mailbox::parse(&mailbox.with_ascii_domain()).as_ref(), Ok(mailbox));
    assert_eq!(mailbox.needs_smtputf8(), !mailbox.with_ascii_domain().is_ascii());
    is_harmless(&mailbox.folded());
}

/// What is written goes into command lines and header fields.
fn is_harmless(text: &str) {
    assert!(text.len() <= LONGEST, "{} octets", text.len());
    assert!(!text.contains(|letter: char| letter.is_control()), "{text:?}");
}
