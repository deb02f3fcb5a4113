//! The header fields that a server adds: Received and Return-Path (RFC 5321 section 4.4), Delivered-To, and what a
//! submission lacks (RFC 6409 sections 8.2 and 8.3).
//!
//! All are whole fields with their CRLF, folded, to be put before the content. Words of a peer are cut down to
//! harmless letters, so that none of them can begin a field of its own.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;

use crate::header::{Field, HeaderFacts};
use crate::{
    AddressLiteral, Domain, ForwardPath, Hello, International, Mailbox, ReversePath, SpoolId, Timestamp,
};

/// What a client said to open its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greeting {
    /// EHLO.
    Ehlo,
    /// HELO: no extension can have been used.
    Helo,
    /// LHLO (RFC 2033).
    Lhlo,
}

/// Whether a client has logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoggedIn {
    /// It has.
    Yes,
    /// It has not.
    No,
}

/// What TLS was made of, as its makers name it: `TLSv1.3`, `TLS_AES_256_GCM_SHA384`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsWords<'a> {
    /// The version.
    pub version: &'a str,
    /// The cipher suite.
    pub cipher: &'a str,
}

/// What is told of one hop.
#[derive(Debug, Clone, Copy)]
pub struct Hop<'a> {
    /// The name that the client gave itself.
    pub hello: &'a Hello,
    /// Its address, if it has one: a unix socket has none.
    pub client: Option<IpAddr>,
    /// Its name in DNS, if that leads back to its address.
    pub client_name: Option<&'a Domain>,
    /// Our name.
    pub by: &'a Domain,
    /// How it opened the session.
    pub greeting: Greeting,
    /// TLS, if on.
    pub tls: Option<TlsWords<'a>>,
    /// Whether it has logged in.
    pub logged_in: LoggedIn,
    /// Whether SMTPUTF8 was asked for.
    pub international: International,
    /// The message's name here.
    pub id: SpoolId,
    /// The recipient, if there is one alone: others must not learn of each other (RFC 5321 section 7.2).
    pub only_recipient: Option<&'a ForwardPath>,
    /// When the message was taken.
    pub at: Timestamp,
}

/// Octets that hold most Received fields. One is written for every message, so it is put together without the
/// formatter where that is easy.
const USUAL: usize = 384;

/// The Received field of a hop (RFC 5321 section 4.4).
#[must_use]
pub fn received(hop: &Hop<'_>) -> Vec<u8> {
    let mut text = String::with_capacity(USUAL);
    put(&mut text, &["Received: from ", &hello_word(hop.hello)]);
    if let Some(client) = hop.client {
        text.push_str(" (");
        if let Some(name) = hop.client_name {
            put(&mut text, &[name.ascii(), " "]);
        }
        add(&mut text, format_args!("{})", literal(client)));
    }
    put(&mut text, &["\r\n\tby ", hop.by.ascii(), " with "]);
    protocol(hop, &mut text);
    if let Some(tls) = hop.tls {
        put(&mut text, &["\r\n\t(", &harmless(tls.version), " ", &harmless(tls.cipher), ")"]);
    }
    add(&mut text, format_args!("\r\n\tid {}", hop.id));
    if let Some(path) = hop.only_recipient {
        put(&mut text, &["\r\n\tfor ", &written(path, hop.international)]);
    }
    put(&mut text, &[";\r\n\t", &hop.at.rfc5322(), "\r\n"]);
    text.into_bytes()
}

/// The names of RFC 3848 and RFC 6531 section 4.3.
fn protocol(hop: &Hop<'_>, text: &mut String) {
    text.push_str(match (hop.greeting, hop.international) {
        (Greeting::Helo, _) => return text.push_str("SMTP"),
        (Greeting::Ehlo, International::No) => "ESMTP",
        (Greeting::Ehlo, International::Yes) => "UTF8SMTP",
        (Greeting::Lhlo, International::No) => "LMTP",
        (Greeting::Lhlo, International::Yes) => "UTF8LMTP",
    });
    if hop.tls.is_some() {
        text.push('S');
    }
    if hop.logged_in == LoggedIn::Yes {
        text.push('A');
    }
}

/// A name that is none of DNS is shown as far as its letters are harmless.
fn hello_word(hello: &Hello) -> String {
    match AddressLiteral::parse(hello.as_str()) {
        Ok(literal) => literal.to_string(),
        Err(_) => harmless(hello.as_str()).into_owned(),
    }
}

/// Letters, digits, dot, hyphen and underscore; all else becomes `?`. Never empty.
fn harmless(word: &str) -> Cow<'_, str> {
    let is_harmless = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if word.is_empty() {
        Cow::Borrowed("?")
    } else if word.chars().all(is_harmless) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(word.replace(|letter| !is_harmless(letter), "?"))
    }
}

fn literal(address: IpAddr) -> AddressLiteral {
    AddressLiteral(address.to_canonical())
}

/// Without SMTPUTF8 a field holds ASCII alone, which an address that came without it has.
fn written(path: &ForwardPath, international: International) -> String {
    match (path, international) {
        (ForwardPath::Mailbox(mailbox), International::No) => format!("<{}>", mailbox.with_ascii_domain()),
        (ForwardPath::Mailbox(_), International::Yes) | (ForwardPath::Postmaster, _) => path.to_string(),
    }
}

/// The Return-Path field, for final delivery (RFC 5321 section 4.4).
#[must_use]
pub fn return_path(path: &ReversePath) -> Vec<u8> {
    format!("Return-Path: {path}\r\n").into_bytes()
}

/// The Delivered-To field, for final delivery: it stops messages that come back by way of a forwarder.
#[must_use]
pub fn delivered_to(mailbox: &Mailbox) -> Vec<u8> {
    format!("Delivered-To: {mailbox}\r\n").into_bytes()
}

/// The fields Date and Message-ID, as far as a submission lacks them (RFC 6409 sections 8.2 and 8.3).
#[must_use]
pub fn missing(facts: &HeaderFacts, id: SpoolId, by: &Domain, at: Timestamp) -> Vec<u8> {
    let mut text = String::new();
    if !facts.has(Field::Date) {
        add(&mut text, format_args!("Date: {}\r\n", at.rfc5322()));
    }
    if !facts.has(Field::MessageId) {
        add(&mut text, format_args!("Message-ID: <{id}@{}>\r\n", by.ascii()));
    }
    text.into_bytes()
}

fn put(text: &mut String, words: &[&str]) {
    words.iter().for_each(|word| text.push_str(word));
}

/// Writing into a string cannot fail.
fn add(text: &mut String, words: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(words);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::{HeaderLimits, HeaderScan};

    fn domain(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    fn shown(hop: &Hop<'_>) -> String {
        String::from_utf8(received(hop)).unwrap()
    }

    /// Hands a plain hop to a test that changes it.
    fn with_hop(hello: &str, test: impl FnOnce(Hop<'_>)) {
        let (hello, by) = (Hello::parse(hello).unwrap(), domain("mail.ours.example"));
        test(Hop {
            hello: &hello,
            client: Some("192.0.2.1".parse().unwrap()),
            client_name: None,
            by: &by,
            greeting: Greeting::Ehlo,
            tls: None,
            logged_in: LoggedIn::No,
            international: International::No,
            id: SpoolId::from_number(1_795_299_337_000_000),
            only_recipient: None,
            at: Timestamp::from_micros(1_795_299_337_000_000),
        });
    }

    #[test]
    fn a_full_hop_is_told() {
        with_hop("laptop.example", |hop| {
            let name = domain("client.example");
            let path = ForwardPath::parse("<bob@bücher.example>").unwrap();
            let hop = Hop {
                client: Some("2001:db8::1".parse().unwrap()),
                client_name: Some(&name),
                tls: Some(TlsWords { version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384" }),
                logged_in: LoggedIn::Yes,
                only_recipient: Some(&path),
                ..hop
            };
            assert_eq!(
                shown(&hop),
                format!(
                    "Received: from laptop.example (client.example [IPv6:2001:db8::1])\r\n\
                     \tby mail.ours.example with ESMTPSA\r\n\
                     \t(TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n\
                     \tid {}\r\n\
                     \tfor <bob@xn--bcher-kva.example>;\r\n\
                     \tSat, 21 Nov 2026 22:15:37 +0000\r\n",
                    hop.id
                )
            );
        });
    }

    #[test]
    fn protocols_have_their_registered_names() {
        use Greeting::{Ehlo, Helo, Lhlo};
        let tls = Some(TlsWords { version: "TLSv1.2", cipher: "X" });
        let rows = [
            (Helo, None, LoggedIn::No, International::No, "SMTP"),
            (Ehlo, None, LoggedIn::No, International::No, "ESMTP"),
            (Ehlo, tls, LoggedIn::No, International::No, "ESMTPS"),
            (Ehlo, None, LoggedIn::Yes, International::No, "ESMTPA"),
            (Ehlo, tls, LoggedIn::Yes, International::No, "ESMTPSA"),
            (Ehlo, tls, LoggedIn::Yes, International::Yes, "UTF8SMTPSA"),
            (Ehlo, None, LoggedIn::No, International::Yes, "UTF8SMTP"),
            (Lhlo, None, LoggedIn::No, International::No, "LMTP"),
            (Lhlo, tls, LoggedIn::No, International::Yes, "UTF8LMTPS"),
        ];
        with_hop("x", |hop| {
            for (greeting, tls, logged_in, international, want) in rows {
                let hop = Hop { greeting, tls, logged_in, international, ..hop };
                assert!(shown(&hop).contains(&format!(" with {want}\r\n")), "{}", shown(&hop));
            }
        });
    }

    #[test]
    fn names_of_clients_cannot_add_words() {
        let rows = [
            ("[127.0.0.1]", "from [127.0.0.1] ([192.0.2.1])"),
            ("(x);by", "from ?x??by ([192.0.2.1])"),
            ("<a@b>", "from ?a?b? ([192.0.2.1])"),
        ];
        for (hello, want) in rows {
            with_hop(hello, |hop| assert!(shown(&hop).contains(want), "{}", shown(&hop)));
        }
    }

    #[test]
    fn what_is_written_is_counted_when_read() {
        let bob = Mailbox::parse("Bob@There.Example").unwrap();
        let mut octets = return_path(&ReversePath::Null);
        octets.extend(delivered_to(&bob));
        with_hop("x", |hop| octets.extend(received(&hop)));
        let scan = |octets: &[u8]| {
            let mut scan = HeaderScan::new(HeaderLimits::default());
            let _ = scan.piece(octets);
            scan.finish()
        };
        let facts = scan(&octets);
        assert_eq!((facts.received, facts.malformed_lines), (1, 0));
        assert_eq!(facts.delivered_to, ["bob@there.example"]);

        let (id, by, at) = (SpoolId::from_number(1), domain("ours.example"), Timestamp::from_micros(0));
        octets.extend(missing(&facts, id, &by, at));
        let facts = scan(&octets);
        assert!(facts.has(Field::Date) && facts.has(Field::MessageId) && facts.has(Field::ReturnPath));
        assert_eq!(missing(&facts, id, &by, at), b"");
    }
}
