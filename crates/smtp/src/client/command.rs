//! How MAIL and RCPT are written: the parameters that the server knows, and no others.

use std::fmt;

use gatepost_mail::{
    Body, ForwardPath, Host, Mailbox, Notify, NotifyOn, OriginalRecipient, Recipient, Return, ReversePath,
    xtext,
};

use super::Offers;
use super::exchange::{Exchange, Spelling};
use crate::Extension;

/// Longest ENVID (RFC 3461 section 4.4). A longer one is left out: it names nothing any more if it is cut.
const LONGEST_ENVELOPE_ID: usize = 100;

/// Longest ORCPT (RFC 3461 section 4.2). The same.
const LONGEST_ORIGINAL: usize = 500;

/// `MAIL FROM:<…>` with its parameters.
pub(super) struct MailCommand<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) offers: &'a Offers,
}

impl fmt::Display for MailCommand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { exchange, offers } = self;
        let transaction = &exchange.transaction;
        match &transaction.reverse_path {
            ReversePath::Null => f.write_str("MAIL FROM:<>")?,
            ReversePath::Mailbox(mailbox) => {
                write!(f, "MAIL FROM:<{}>", Spelt(mailbox, exchange.spelling))?;
            }
        }
        if let Some(size) = transaction.size.filter(|_| offers.has(Extension::Size)) {
            write!(f, " SIZE={}", size.0)?;
        }
        match transaction.body {
            Body::EightBitMime if offers.has(Extension::EightBitMime) => f.write_str(" BODY=8BITMIME")?,
            Body::BinaryMime if offers.has(Extension::BinaryMime) => f.write_str(" BODY=BINARYMIME")?,
            Body::SevenBit | Body::EightBitMime | Body::BinaryMime => {}
        }
        if exchange.spelling == Spelling::Utf8 {
            f.write_str(" SMTPUTF8")?;
        }
        if offers.has(Extension::Dsn) { self.write_report(f) } else { Ok(()) }
    }
}

impl MailCommand<'_> {
    fn write_report(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transaction = &self.exchange.transaction;
        match transaction.returns {
            Some(Return::Full) => f.write_str(" RET=FULL")?,
            Some(Return::Headers) => f.write_str(" RET=HDRS")?,
            None => {}
        }
        let id = transaction.envelope_id.as_ref().map(|id| xtext::encode(&id.0));
        match id.filter(|id| !id.is_empty() && id.len() <= LONGEST_ENVELOPE_ID) {
            Some(id) => write!(f, " ENVID={id}"),
            None => Ok(()),
        }
    }
}

/// `RCPT TO:<…>` with its parameters.
pub(super) struct RcptCommand<'a> {
    pub(super) recipient: &'a Recipient,
    pub(super) spelling: Spelling,
    pub(super) offers: &'a Offers,
}

impl fmt::Display for RcptCommand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.recipient.path {
            ForwardPath::Postmaster => f.write_str("RCPT TO:<postmaster>")?,
            ForwardPath::Mailbox(mailbox) => write!(f, "RCPT TO:<{}>", Spelt(mailbox, self.spelling))?,
        }
        if !self.offers.has(Extension::Dsn) {
            return Ok(());
        }
        write_notify(self.recipient.notify, f)?;
        match self.recipient.original.as_ref().and_then(original) {
            Some(original) => write!(f, " ORCPT={original}"),
            None => Ok(()),
        }
    }
}

fn write_notify(notify: Notify, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let set = match notify {
        Notify::Unsaid => return Ok(()),
        Notify::Never => return f.write_str(" NOTIFY=NEVER"),
        Notify::On(set) => set,
    };
    let words = [(NotifyOn::SUCCESS, "SUCCESS"), (NotifyOn::FAILURE, "FAILURE"), (NotifyOn::DELAY, "DELAY")];
    let mut mark = " NOTIFY=";
    for (occasion, word) in words {
        if set.has(occasion) {
            write!(f, "{mark}{word}")?;
            mark = ",";
        }
    }
    Ok(())
}

/// `rfc822;ada@example.org`, unless it cannot be written.
fn original(original: &OriginalRecipient) -> Option<String> {
    let is_atom = |kind: &str| {
        !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let address = if original.kind.eq_ignore_ascii_case("utf-8") {
        xtext::encode_utf8_address(&original.address)
    } else {
        xtext::encode(&original.address)
    };
    let fits = is_atom(&original.kind)
        && !address.is_empty()
        && original.kind.len() + 1 + address.len() <= LONGEST_ORIGINAL;
    fits.then(|| format!("{};{address}", original.kind))
}

/// A mailbox in a spelling that the server reads.
struct Spelt<'a>(&'a Mailbox, Spelling);

impl fmt::Display for Spelt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.host(), self.1) {
            (Host::Domain(domain), Spelling::Ascii) => {
                write!(f, "{}@{}", self.0.local_part(), domain.ascii())
            }
            (Host::Domain(_), Spelling::Utf8) | (Host::Literal(_), _) => self.0.fmt(f),
        }
    }
}
