//! MAIL and RCPT (RFC 5321 sections 4.1.1.2 and 4.1.1.3).

use gatepost_mail::{AddressError, Body, ForwardPath, International, Recipient, ReversePath};

use super::parameters::{self, Parameters};
use super::{Command, CommandError, Script, Sender};

/// `FROM:<path> parameters`.
pub(super) fn mail(argument: &[u8]) -> Result<Command, CommandError> {
    let (path, parameters) = split(argument, b"FROM:").map_err(CommandError::Sender)?;
    let mut sender = Sender {
        path: ReversePath::parse(path).map_err(CommandError::Sender)?,
        size: None,
        body: Body::SevenBit,
        international: International::No,
        returns: None,
        envelope_id: None,
        submitter: None,
    };
    parameters::of_mail(&Parameters::new(parameters), &mut sender)?;
    Ok(Command::Mail(Box::new(sender), script(path)))
}

/// `TO:<path> parameters`.
pub(super) fn rcpt(argument: &[u8]) -> Result<Command, CommandError> {
    let (path, parameters) = split(argument, b"TO:").map_err(CommandError::Recipient)?;
    let mut recipient = Recipient::new(ForwardPath::parse(path).map_err(CommandError::Recipient)?);
    parameters::of_rcpt(&Parameters::new(parameters), &mut recipient)?;
    Ok(Command::Rcpt(Box::new(recipient), script(path)))
}

const fn script(path: &str) -> Script {
    if path.is_ascii() { Script::Ascii } else { Script::Utf8 }
}

/// Parts the path from the parameters. Spaces behind the colon are taken, since old clients send one.
fn split<'a>(argument: &'a [u8], keyword: &[u8]) -> Result<(&'a str, &'a str), AddressError> {
    let (head, rest) = argument.split_at_checked(keyword.len()).ok_or(AddressError::Brackets)?;
    if !head.eq_ignore_ascii_case(keyword) {
        return Err(AddressError::Brackets);
    }
    let rest = std::str::from_utf8(rest).map_err(|_| AddressError::Brackets)?.trim_start_matches(' ');
    let end = path_end(rest).ok_or(AddressError::Brackets)?;
    let (path, parameters) = rest.split_at(end);
    if parameters.is_empty() || parameters.starts_with(' ') {
        Ok((path, parameters))
    } else {
        Err(AddressError::Brackets)
    }
}

/// Where the path ends: behind the first `>` that is not inside quotes.
fn path_end(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, octet) in text.bytes().enumerate() {
        match octet {
            _ if at == 0 && octet != b'<' => return None,
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at + 1),
            _ => {}
        }
    }
    None
}
