//! The parameters of MAIL and RCPT (RFC 5321 section 4.1.1.11 and the extensions that add them).

use gatepost_mail::{
    Body, EnvelopeId, International, Notify, NotifyOn, Octets, OriginalRecipient, Recipient, Return,
    ReversePath, xtext,
};

use super::{CommandError, Sender, number};

/// Longest ENVID as it is sent, in octets. RFC 3461 section 5.4.
const ENVELOPE_ID: usize = 100;
/// Longest ORCPT as it is sent, in octets. RFC 3461 section 5.4.
const ORIGINAL_RECIPIENT: usize = 500;
/// Longest SIZE, in digits. RFC 1870 section 6.
const SIZE_DIGITS: usize = 20;

/// What follows a path: words parted by spaces.
pub(super) struct Parameters<'a>(&'a str);

/// A name and, behind a `=`, a value.
struct Parameter<'a> {
    name: &'a str,
    value: Option<&'a str>,
}

impl<'a> Parameters<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self(text)
    }

    fn iter(&self) -> impl Iterator<Item = Parameter<'a>> {
        self.0.split(' ').filter(|word| !word.is_empty()).map(|word| match word.split_once('=') {
            Some((name, value)) => Parameter { name, value: Some(value) },
            None => Parameter { name: word, value: None },
        })
    }
}

/// Which parameters came already: none may come twice.
#[derive(Default)]
struct Once(u8);

impl Once {
    fn more(&mut self, bit: u8) -> Result<(), CommandError> {
        let fresh = self.0 & 1 << bit == 0;
        self.0 |= 1 << bit;
        if fresh { Ok(()) } else { Err(CommandError::BadParameter) }
    }
}

/// Reads those of MAIL into the sender.
pub(super) fn of_mail(parameters: &Parameters<'_>, sender: &mut Sender) -> Result<(), CommandError> {
    let mut once = Once::default();
    for Parameter { name, value } in parameters.iter() {
        match (Name::of_mail(name)?, value) {
            (Name::Size, Some(value)) => {
                once.more(0)?;
                sender.size = Some(size(value)?);
            }
            (Name::Body, Some(value)) => {
                once.more(1)?;
                sender.body = body(value)?;
            }
            (Name::SmtpUtf8, None) => {
                once.more(2)?;
                sender.international = International::Yes;
            }
            (Name::Returns, Some(value)) => {
                once.more(3)?;
                sender.returns = Some(returns(value)?);
            }
            (Name::EnvelopeId, Some(value)) => {
                once.more(4)?;
                sender.envelope_id = Some(envelope_id(value)?);
            }
            (Name::Submitter, Some(value)) => {
                once.more(5)?;
                sender.submitter = Some(submitter(value)?);
            }
            (_, _) => return Err(CommandError::BadParameter),
        }
    }
    Ok(())
}

/// Reads those of RCPT into the recipient.
pub(super) fn of_rcpt(parameters: &Parameters<'_>, recipient: &mut Recipient) -> Result<(), CommandError> {
    let mut once = Once::default();
    for Parameter { name, value } in parameters.iter() {
        let value = match (name, value) {
            (name, Some(value)) if is(name, "NOTIFY") => {
                once.more(0)?;
                recipient.notify = notify(value)?;
                continue;
            }
            (name, Some(value)) if is(name, "ORCPT") => value,
            (name, None) if is(name, "NOTIFY") || is(name, "ORCPT") => {
                return Err(CommandError::BadParameter);
            }
            (_, _) => return Err(CommandError::UnknownParameter),
        };
        once.more(1)?;
        recipient.original = Some(original_recipient(value)?);
    }
    Ok(())
}

/// The parameters of MAIL.
#[derive(Clone, Copy)]
enum Name {
    Size,
    Body,
    SmtpUtf8,
    Returns,
    EnvelopeId,
    Submitter,
}

impl Name {
    fn of_mail(name: &str) -> Result<Self, CommandError> {
        const TABLE: [(&str, Name); 6] = [
            ("SIZE", Name::Size),
            ("BODY", Name::Body),
            ("SMTPUTF8", Name::SmtpUtf8),
            ("RET", Name::Returns),
            ("ENVID", Name::EnvelopeId),
            ("AUTH", Name::Submitter),
        ];
        let row = TABLE.iter().find(|(known, _)| is(name, known));
        row.map(|&(_, name)| name).ok_or(CommandError::UnknownParameter)
    }
}

fn is(name: &str, known: &str) -> bool {
    name.eq_ignore_ascii_case(known)
}

/// RFC 1870 section 6. A size that 64 bits do not hold is larger than anything allowed.
fn size(value: &str) -> Result<Octets, CommandError> {
    if value.len() > SIZE_DIGITS || value.is_empty() || !value.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(CommandError::BadParameter);
    }
    Ok(Octets(number(value.as_bytes()).unwrap_or(u64::MAX)))
}

/// RFC 6152 section 2, RFC 3030 section 3.
fn body(value: &str) -> Result<Body, CommandError> {
    match value {
        value if is(value, "7BIT") => Ok(Body::SevenBit),
        value if is(value, "8BITMIME") => Ok(Body::EightBitMime),
        value if is(value, "BINARYMIME") => Ok(Body::BinaryMime),
        _ => Err(CommandError::BadParameter),
    }
}

/// RFC 3461 section 4.3.
fn returns(value: &str) -> Result<Return, CommandError> {
    match value {
        value if is(value, "FULL") => Ok(Return::Full),
        value if is(value, "HDRS") => Ok(Return::Headers),
        _ => Err(CommandError::BadParameter),
    }
}

/// RFC 3461 section 4.4.
fn envelope_id(value: &str) -> Result<EnvelopeId, CommandError> {
    let text = xtext::decode(value).filter(|text| value.len() <= ENVELOPE_ID && !text.is_empty());
    text.map(|text| EnvelopeId(text.into())).ok_or(CommandError::BadParameter)
}

/// RFC 4954 section 5: `<>` or an address in xtext.
fn submitter(value: &str) -> Result<ReversePath, CommandError> {
    let text = if value == "<>" { value.to_owned() } else { format!("<{}>", address(value)?) };
    Ok(ReversePath::parse(&text).unwrap_or(ReversePath::Null))
}

/// An address in xtext, or in the UTF-8 form of it.
fn address(value: &str) -> Result<String, CommandError> {
    let text = xtext::decode(value).or_else(|| xtext::decode_utf8_address(value));
    text.ok_or(CommandError::BadParameter)
}

/// RFC 3461 section 4.1: `NEVER` alone, or a list of the others.
fn notify(value: &str) -> Result<Notify, CommandError> {
    if is(value, "NEVER") {
        return Ok(Notify::Never);
    }
    let mut occasions = NotifyOn::default();
    for word in value.split(',') {
        occasions = occasions.and(match word {
            word if is(word, "SUCCESS") => NotifyOn::SUCCESS,
            word if is(word, "FAILURE") => NotifyOn::FAILURE,
            word if is(word, "DELAY") => NotifyOn::DELAY,
            _ => return Err(CommandError::BadParameter),
        });
    }
    Ok(Notify::On(occasions))
}

/// RFC 3461 section 4.2, RFC 6533 section 3.
fn original_recipient(value: &str) -> Result<OriginalRecipient, CommandError> {
    let (kind, address) = value.split_once(';').ok_or(CommandError::BadParameter)?;
    let is_atom =
        !kind.is_empty() && kind.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
    let address =
        if is(kind, "utf-8") { xtext::decode_utf8_address(address) } else { xtext::decode(address) };
    let address = address.filter(|text| is_atom && !text.is_empty() && value.len() <= ORIGINAL_RECIPIENT);
    let address = address.ok_or(CommandError::BadParameter)?;
    Ok(OriginalRecipient { kind: kind.to_ascii_lowercase().into(), address: address.into() })
}
