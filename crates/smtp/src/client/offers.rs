//! What a server says of itself in its answer to EHLO or LHLO.

use std::num::NonZeroU32;

use gatepost_mail::Octets;

use crate::Extension;

/// Most mechanisms remembered; more than exist.
const MOST_MECHANISMS: usize = 64;

/// Longest name of a mechanism (RFC 4422 section 3.1).
const LONGEST_MECHANISM: usize = 20;

/// The extensions that a server offers, with their parameters. A server that knows only HELO offers nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offers {
    extensions: u16,
    size: Option<Octets>,
    mechanisms: Vec<String>,
    recipients: Option<NonZeroU32>,
    transactions: Option<NonZeroU32>,
    domains: Option<NonZeroU32>,
}

impl Offers {
    /// Reads the text of a reply to EHLO: the first line is a greeting, each other one an extension. What is not
    /// understood is passed over.
    pub(crate) fn read(text: &str) -> Self {
        let mut offers = Self::default();
        for line in text.split('\n').skip(1) {
            offers.line(line);
        }
        offers
    }

    /// Whether this extension is offered.
    #[must_use]
    pub const fn has(&self, extension: Extension) -> bool {
        self.extensions & (1 << extension as u16) != 0
    }

    /// The largest message that is taken, where the server names a limit (RFC 1870 section 4).
    #[must_use]
    pub const fn largest(&self) -> Option<Octets> {
        self.size
    }

    /// The mechanisms of AUTH in upper case, in the server's order; empty where AUTH is not offered.
    #[must_use]
    pub fn mechanisms(&self) -> &[String] {
        &self.mechanisms
    }

    /// Most recipients of one transaction (RCPTMAX, RFC 9422 section 4.2). The session keeps to it by itself.
    #[must_use]
    pub const fn recipients_max(&self) -> Option<NonZeroU32> {
        self.recipients
    }

    /// Most transactions of one session (MAILMAX, RFC 9422 section 4.1). The session ends after them.
    #[must_use]
    pub const fn transactions_max(&self) -> Option<NonZeroU32> {
        self.transactions
    }

    /// Most domains among the recipients of one transaction (RCPTDOMAINMAX, RFC 9422 section 4.3). The session
    /// keeps to it by itself.
    #[must_use]
    pub const fn domains_max(&self) -> Option<NonZeroU32> {
        self.domains
    }

    fn line(&mut self, line: &str) {
        let mut words = line.split_ascii_whitespace();
        let Some(keyword) = words.next() else { return };
        // An old draft wrote `AUTH=LOGIN`, and servers still do beside the right form.
        let (keyword, first) = match keyword.split_once('=') {
            Some((keyword, first)) if keyword.eq_ignore_ascii_case("AUTH") => (keyword, Some(first)),
            _ => (keyword, None),
        };
        let Some(extension) = Extension::from_keyword(keyword) else { return };
        self.extensions |= 1 << extension as u16;
        match extension {
            Extension::Size => self.size = words.next().and_then(size),
            Extension::Auth => first.into_iter().chain(words).for_each(|name| self.mechanism(name)),
            Extension::Limits => words.for_each(|limit| self.limit(limit)),
            Extension::Pipelining
            | Extension::EightBitMime
            | Extension::SmtpUtf8
            | Extension::EnhancedStatusCodes
            | Extension::Chunking
            | Extension::BinaryMime
            | Extension::Dsn
            | Extension::StartTls => {}
        }
    }

    fn mechanism(&mut self, name: &str) {
        let name = name.to_ascii_uppercase();
        let is_name = (1..=LONGEST_MECHANISM).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if is_name && self.mechanisms.len() < MOST_MECHANISMS && !self.mechanisms.contains(&name) {
            self.mechanisms.push(name);
        }
    }

    fn limit(&mut self, limit: &str) {
        let Some((name, value)) = limit.split_once('=') else { return };
        let Ok(value) = value.parse::<NonZeroU32>() else { return };
        let place = match name.to_ascii_uppercase().as_str() {
            "RCPTMAX" => &mut self.recipients,
            "MAILMAX" => &mut self.transactions,
            "RCPTDOMAINMAX" => &mut self.domains,
            _ => return,
        };
        *place = Some(value);
    }
}

/// Zero means that there is no fixed limit (RFC 1870 section 4).
fn size(text: &str) -> Option<Octets> {
    text.parse::<u64>().ok().filter(|&size| size > 0).map(Octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_ehlo_is_understood() {
        let offers = Offers::read(
            "mx.example greets you\nPIPELINING\nsize 35882577\n8bitmime\nX-ODD thing\nAUTH=LOGIN\n\
             AUTH plain LOGIN SCRAM-SHA-256 b@d waytoolongforamechanism\nLIMITS RCPTMAX=20 MAILMAX=0 x RCPTDOMAINMAX=1",
        );
        assert!(offers.has(Extension::Pipelining) && offers.has(Extension::EightBitMime));
        assert!(!offers.has(Extension::Chunking) && !offers.has(Extension::StartTls));
        assert_eq!(offers.largest(), Some(Octets(35_882_577)));
        assert_eq!(offers.mechanisms(), ["LOGIN", "PLAIN", "SCRAM-SHA-256"]);
        assert_eq!(offers.recipients_max(), NonZeroU32::new(20));
        assert_eq!(offers.transactions_max(), None);
        assert_eq!(offers.domains_max(), NonZeroU32::new(1));
    }

    #[test]
    fn the_first_line_is_no_extension() {
        assert_eq!(Offers::read("PIPELINING"), Offers::default());
    }

    #[test]
    fn a_size_of_zero_or_none_is_no_limit() {
        for text in ["x\nSIZE", "x\nSIZE 0", "x\nSIZE lots", "x\nSIZE 99999999999999999999999"] {
            let offers = Offers::read(text);
            assert!(offers.has(Extension::Size));
            assert_eq!(offers.largest(), None);
        }
    }

    #[test]
    fn mechanisms_are_bounded() {
        let names: Vec<_> = (0..5000).map(|number| format!("M{number}")).collect();
        assert_eq!(Offers::read(&format!("x\nAUTH {}", names.join(" "))).mechanisms().len(), MOST_MECHANISMS);
    }
}
