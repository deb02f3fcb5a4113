//! Commands, read from lines into types (RFC 5321 section 4.1.1).
//!
//! The reader knows no state: whether a command is welcome now is the session's matter.

mod parameters;
mod transaction;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_mail::{
    AddressError, Body, EnvelopeId, Hello, International, Octets, Recipient, Return, ReversePath,
};

/// Longest name of a mechanism, in letters. RFC 4422 section 3.1.
const MECHANISM: usize = 20;

/// The verb with which a client introduces itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelloVerb {
    /// RFC 5321 section 4.1.1.1.
    Ehlo,
    /// The same without extensions.
    Helo,
    /// RFC 2033 section 4.1.
    Lhlo,
}

/// A sender, as MAIL names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// Where notices go.
    pub path: ReversePath,
    /// The size that the client declares. RFC 1870.
    pub size: Option<Octets>,
    /// How the client says that the content is coded; what it really needs is told with
    /// [`Question::Complete`](crate::Question::Complete).
    pub body: Body,
    /// Whether the client asks for SMTPUTF8.
    pub international: International,
    /// How much a report returns.
    pub returns: Option<Return>,
    /// The client's own name for the message.
    pub envelope_id: Option<EnvelopeId>,
    /// Who handed the message in first, as the client believes (RFC 4954 section 5). Nobody proved it, so it
    /// decides nothing; an address that cannot be read counts as null.
    pub submitter: Option<ReversePath>,
}

/// Whether a path is written in ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    Ascii,
    /// Needs SMTPUTF8. RFC 6531 section 3.2.
    Utf8,
}

/// Whether a chunk is the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunk {
    More,
    Last,
}

/// The start of a login.
#[derive(PartialEq, Eq)]
pub(crate) struct Auth {
    /// In upper case.
    pub(crate) mechanism: String,
    /// Base64 as it was sent.
    pub(crate) initial: Option<Box<[u8]>>,
}

/// A command.
#[derive(PartialEq, Eq)]
pub(crate) enum Command {
    Hello(HelloVerb, Hello),
    Mail(Box<Sender>, Script),
    Rcpt(Box<Recipient>, Script),
    Data,
    Bdat(u64, Chunk),
    Rset,
    Noop,
    Vrfy,
    Expn,
    Help,
    Quit,
    StartTls,
    Auth(Auth),
}

/// Why a line is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("no command of ours")]
    Unknown,
    #[error("the argument cannot be read")]
    Argument,
    #[error("the command takes no argument")]
    NoArgument,
    #[error("the size of the chunk cannot be read")]
    ChunkSize,
    #[error("the sender cannot be read: {0}")]
    Sender(AddressError),
    #[error("the recipient cannot be read: {0}")]
    Recipient(AddressError),
    #[error("the parameter is none that we know")]
    UnknownParameter,
    #[error("the value of a parameter cannot be read, or the parameter came twice")]
    BadParameter,
    #[error("the login response is no base64")]
    Base64,
}

impl Command {
    /// Reads a line without its CRLF. Verbs are taken in upper and lower case, spaces at the end are dropped
    /// (RFC 5321 section 4.1.1).
    pub(crate) fn read(line: &[u8]) -> Result<Self, CommandError> {
        let line = line.trim_ascii_end();
        let (verb, argument) = match memchr::memchr(b' ', line) {
            Some(at) => line.split_at(at),
            None => (line, &[][..]),
        };
        let argument = argument.trim_ascii_start();
        let mut upper = [0; LONGEST_VERB];
        let Some(upper) = upper.get_mut(..verb.len()) else { return Err(CommandError::Unknown) };
        upper.copy_from_slice(verb);
        upper.make_ascii_uppercase();
        Self::read_verb(upper, argument)
    }

    fn read_verb(verb: &[u8], argument: &[u8]) -> Result<Self, CommandError> {
        let alone = |command| if argument.is_empty() { Ok(command) } else { Err(CommandError::NoArgument) };
        match verb {
            b"MAIL" => transaction::mail(argument),
            b"RCPT" => transaction::rcpt(argument),
            b"DATA" => alone(Self::Data),
            b"BDAT" => bdat(argument),
            b"EHLO" => hello(HelloVerb::Ehlo, argument),
            b"HELO" => hello(HelloVerb::Helo, argument),
            b"LHLO" => hello(HelloVerb::Lhlo, argument),
            b"RSET" => alone(Self::Rset),
            b"QUIT" => alone(Self::Quit),
            b"STARTTLS" => alone(Self::StartTls),
            b"AUTH" => auth(argument),
            b"NOOP" => Ok(Self::Noop),
            b"HELP" => Ok(Self::Help),
            b"VRFY" if argument.is_empty() => Err(CommandError::Argument),
            b"VRFY" => Ok(Self::Vrfy),
            b"EXPN" => Ok(Self::Expn),
            _ => Err(CommandError::Unknown),
        }
    }
}

/// `STARTTLS`.
const LONGEST_VERB: usize = 8;

fn hello(verb: HelloVerb, argument: &[u8]) -> Result<Command, CommandError> {
    let name = std::str::from_utf8(argument).ok().and_then(Hello::parse);
    name.map(|name| Command::Hello(verb, name)).ok_or(CommandError::Argument)
}

/// `BDAT 123` or `BDAT 123 LAST` (RFC 3030 section 2).
fn bdat(argument: &[u8]) -> Result<Command, CommandError> {
    let mut words = argument.split(|&octet| octet == b' ').filter(|word| !word.is_empty());
    let size = words.next().and_then(number).ok_or(CommandError::ChunkSize)?;
    let chunk = match words.next() {
        None => Chunk::More,
        Some(word) if word.eq_ignore_ascii_case(b"LAST") => Chunk::Last,
        Some(_) => return Err(CommandError::ChunkSize),
    };
    match words.next() {
        None => Ok(Command::Bdat(size, chunk)),
        Some(_) => Err(CommandError::ChunkSize),
    }
}

/// Digits only: no sign, no space.
fn number(word: &[u8]) -> Option<u64> {
    if word.is_empty() || !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// `AUTH mechanism [initial-response]` (RFC 4954 section 4). More than one space between them is taken, since
/// clients in use send two.
fn auth(argument: &[u8]) -> Result<Command, CommandError> {
    let mut words = argument.split(|&octet| octet == b' ').filter(|word| !word.is_empty());
    let mechanism = words.next().ok_or(CommandError::Argument)?;
    let initial = words.next().map(Into::into);
    if words.next().is_some() {
        return Err(CommandError::Argument);
    }
    Ok(Command::Auth(Auth { mechanism: mechanism_name(mechanism), initial }))
}

/// In upper case; what cannot be a name becomes the empty one, which nobody offers.
fn mechanism_name(word: &[u8]) -> String {
    let fits = word.len() <= MECHANISM
        && word.iter().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'));
    if fits {
        word.iter().map(|octet| char::from(octet.to_ascii_uppercase())).collect()
    } else {
        String::new()
    }
}

impl Auth {
    /// The initial response decoded: `=` is one of no octets, nothing is none at all (RFC 4954 section 4).
    pub(crate) fn decoded(&self) -> Result<Option<Vec<u8>>, CommandError> {
        match self.initial.as_deref() {
            None => Ok(None),
            Some(b"=") => Ok(Some(Vec::new())),
            Some(base64) => decode(base64).map(Some),
        }
    }
}

/// A response in base64 (RFC 4648 section 4), padding included.
pub(crate) fn decode(base64: &[u8]) -> Result<Vec<u8>, CommandError> {
    STANDARD.decode(base64).map_err(|_| CommandError::Base64)
}

/// A challenge in base64.
pub(crate) fn encode(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

#[cfg(test)]
mod tests;
