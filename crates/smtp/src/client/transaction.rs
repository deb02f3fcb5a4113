//! One message for one next hop, and whether that can take it.

use gatepost_mail::reply::table;
use gatepost_mail::{
    Body, Ending, EnvelopeId, ForwardPath, International, Octets, Recipient, Reply, Return, ReversePath,
};

use super::Offers;
use crate::Extension;

/// From MAIL to the end of content.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// Where notices go.
    pub reverse_path: ReversePath,
    /// Whom it is for. Those above what the server takes at once come back as `NotTried`.
    pub recipients: Vec<Recipient>,
    /// The size of the content as it will be sent, to the octet and with dots unstuffed, where it is known: then it may go in one
    /// chunk where the server has CHUNKING (RFC 3030).
    pub size: Option<Octets>,
    /// What the content needs, after any conversion.
    pub body: Body,
    /// Whether it was handed in with SMTPUTF8.
    pub international: International,
    /// How its last line ends. A last line without CRLF stays so where the server has CHUNKING; else it gets its CRLF.
    pub ending: Ending,
    /// How much a report returns.
    pub returns: Option<Return>,
    /// The sender's name for it.
    pub envelope_id: Option<EnvelopeId>,
}

/// Whether more content follows a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum More {
    /// It does.
    ThereIsMore,
    /// It does not.
    Last,
}

/// What has to be done to content before a server can take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// Nothing.
    None,
    /// It may go if its header section is ASCII throughout, which the check of `gatepost_mail::downgrade` tells;
    /// else it fails as [`table::NEXT_HOP_NO_SMTPUTF8`].
    AsciiHeader,
    /// It has to become 7-bit with `gatepost_mail::downgrade`, which looks at the header section too; where it
    /// cannot, it fails as [`table::CANNOT_CONVERT`]. The transaction is then sent with [`Body::SevenBit`] and without
    /// the old size.
    SevenBit,
}

/// Whether a server with these offers can take this, and after what conversion.
///
/// A recipient whose address alone needs SMTPUTF8 is no hindrance: the session settles it by itself.
///
/// # Errors
///
/// The permanent refusal for all recipients, where no conversion helps: the size is above the server's limit
/// (RFC 1870 section 6.2), or the sender's or every recipient's address needs SMTPUTF8 (RFC 6531 section 3.5).
pub fn fits(offers: &Offers, transaction: &Transaction) -> Result<Conversion, Reply> {
    if let (Some(size), Some(largest)) = (transaction.size, offers.largest())
        && size > largest
    {
        return Err(table::NEXT_HOP_TOO_LARGE);
    }
    let utf8 = offers.has(Extension::SmtpUtf8);
    if !utf8 && (sender_needs_utf8(transaction) || all_recipients_need_utf8(transaction)) {
        return Err(table::NEXT_HOP_NO_SMTPUTF8);
    }
    Ok(match transaction.body {
        Body::BinaryMime if !takes_binary(offers) => Conversion::SevenBit,
        Body::EightBitMime if !offers.has(Extension::EightBitMime) => Conversion::SevenBit,
        Body::SevenBit | Body::EightBitMime | Body::BinaryMime => match transaction.international {
            International::Yes if !utf8 => Conversion::AsciiHeader,
            International::Yes | International::No => Conversion::None,
        },
    })
}

/// Whether content that is not lines can be sent.
pub(super) const fn takes_binary(offers: &Offers) -> bool {
    offers.has(Extension::BinaryMime) && offers.has(Extension::Chunking)
}

pub(super) fn sender_needs_utf8(transaction: &Transaction) -> bool {
    transaction.reverse_path.mailbox().is_some_and(gatepost_mail::Mailbox::needs_smtputf8)
}

pub(super) fn recipient_needs_utf8(path: &ForwardPath) -> bool {
    path.mailbox().is_some_and(gatepost_mail::Mailbox::needs_smtputf8)
}

fn all_recipients_need_utf8(transaction: &Transaction) -> bool {
    !transaction.recipients.is_empty()
        && transaction.recipients.iter().all(|recipient| recipient_needs_utf8(&recipient.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transaction(from: &str, to: &[&str], body: Body) -> Transaction {
        let recipients = to.iter().map(|to| Recipient::new(ForwardPath::parse(to).unwrap())).collect();
        Transaction {
            reverse_path: ReversePath::parse(from).unwrap(),
            recipients,
            size: Some(Octets(1000)),
            body,
            international: International::No,
            ending: Ending::Line,
            returns: None,
            envelope_id: None,
        }
    }

    #[test]
    fn what_a_server_lacks_decides() {
        let ascii = || transaction("<a@x.example>", &["<b@y.example>"], Body::SevenBit);
        let body = |body| transaction("<a@x.example>", &["<b@y.example>"], body);
        let from = || transaction("<ä@x.example>", &["<b@y.example>"], Body::SevenBit);
        let to = || transaction("<>", &["<ü@y.example>"], Body::SevenBit);
        let one_of_two = || transaction("<>", &["<ü@y.example>", "<b@ü.example>"], Body::SevenBit);
        let header = || Transaction { international: International::Yes, ..ascii() };
        let (large, utf8) = (table::NEXT_HOP_TOO_LARGE, table::NEXT_HOP_NO_SMTPUTF8);
        let rows = [
            ("", ascii(), Ok(Conversion::None)),
            ("SIZE 1000", ascii(), Ok(Conversion::None)),
            ("SIZE 999", ascii(), Err(large)),
            ("SIZE 0", ascii(), Ok(Conversion::None)),
            ("SIZE 999", Transaction { size: None, ..ascii() }, Ok(Conversion::None)),
            ("", body(Body::EightBitMime), Ok(Conversion::SevenBit)),
            ("8BITMIME", body(Body::EightBitMime), Ok(Conversion::None)),
            ("8BITMIME", body(Body::BinaryMime), Ok(Conversion::SevenBit)),
            ("BINARYMIME", body(Body::BinaryMime), Ok(Conversion::SevenBit)),
            ("BINARYMIME\nCHUNKING", body(Body::BinaryMime), Ok(Conversion::None)),
            ("8BITMIME", from(), Err(utf8.clone())),
            ("SMTPUTF8", from(), Ok(Conversion::None)),
            ("8BITMIME", to(), Err(utf8)),
            ("SMTPUTF8", to(), Ok(Conversion::None)),
            ("", one_of_two(), Ok(Conversion::None)),
            ("8BITMIME", header(), Ok(Conversion::AsciiHeader)),
            ("SMTPUTF8", header(), Ok(Conversion::None)),
        ];
        for (number, (offers, transaction, wanted)) in rows.into_iter().enumerate() {
            let offers = Offers::read(&format!("x\n{offers}"));
            assert_eq!(fits(&offers, &transaction), wanted, "row {number}");
        }
    }
}
