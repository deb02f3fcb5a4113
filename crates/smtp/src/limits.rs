//! Every limit of the server's side, with its unit and where it comes from.

use std::num::NonZeroU32;
use std::time::Duration;

use gatepost_mail::Octets;

/// What a verb and the name of a mechanism may add to the longest AUTH response, in octets.
pub(crate) const AUTH_COMMAND_ROOM: usize = 64;

/// Octets of replies after which they are written although more input waits to be processed.
pub(crate) const REPLIES_HELD_BACK: usize = 4096;

/// Octets that an empty buffer of a waiting session may keep allocated.
pub(crate) const IDLE_BUFFER: usize = 1024;

/// How much of everything one session may use.
///
/// The default is right for a server on the internet; a setting exists where an operator may need another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest command line, in octets with CRLF. RFC 5321 section 4.5.3.1.4 says 512; the parameters of
    /// SMTPUTF8, DSN and AUTH add up to some 1,500 (RFC 3461 section 5.4, RFC 4954 section 3, RFC 6531 section 3.4).
    pub command_line: usize,
    /// Longest response in an AUTH exchange, in octets without CRLF. RFC 4954 section 4.
    pub auth_response: usize,
    /// Longest line of content, in octets with CRLF and without a stuffed dot. RFC 5321 section 4.5.3.1.6.
    pub content_line: usize,
    /// Largest message. RFC 5321 section 4.5.3.1.7, RFC 1870.
    pub message_size: Octets,
    /// How much of a message that is refused already is read to its end, before the connection is closed instead.
    pub refused_content: Octets,
    /// How much of a line that is refused already is read to its end, before the connection is closed instead.
    pub refused_line: usize,
    /// Octets received and not yet processed, before the connection is closed. A driver that calls
    /// [`receive`](crate::ServerSession::receive) with less than this, and only when the session is idle, never
    /// meets it, if it is at least twice the longest line.
    pub backlog: usize,
    /// Recipients taken in one transaction. RFC 5321 section 4.5.3.1.8 asks for at least 100; announced as
    /// `RCPTMAX` (RFC 9422 section 4.2).
    pub recipients: NonZeroU32,
    /// Transactions in one session; announced as `MAILMAX` (RFC 9422 section 4.1).
    pub transactions: NonZeroU32,
    /// Errors since the last message taken: commands that cannot be read, that come in the wrong order, failed
    /// logins, refused content. RFC 5321 section 7.8 lets a server stop talking.
    pub errors: NonZeroU32,
    /// Senders and recipients refused for ever since the last message taken: who tries more is guessing.
    pub refusals: NonZeroU32,
    /// Commands that bring no message nearer, since the last one taken: NOOP, RSET, VRFY, EXPN, HELP, EHLO.
    pub idle_commands: NonZeroU32,
    /// Longest wait for a whole command. RFC 5321 section 4.5.3.2.7 says 5 minutes.
    pub command_wait: Duration,
    /// Longest wait between two pieces of content. RFC 5321 section 4.5.3.2.5 says 3 minutes for the sender.
    pub content_wait: Duration,
    /// Longest time for the content of one message, from DATA or the first BDAT: a client that trickles ends here.
    pub content_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const fn at_most(count: u32) -> NonZeroU32 {
            match NonZeroU32::new(count) {
                Some(count) => count,
                None => NonZeroU32::MIN,
            }
        }
        Self {
            command_line: 4096,
            auth_response: 12_288,
            content_line: 1000,
            message_size: Octets::mib(50),
            refused_content: Octets::mib(256),
            refused_line: 64 * 1024,
            backlog: 256 * 1024,
            recipients: at_most(1000),
            transactions: at_most(10_000),
            errors: at_most(20),
            refusals: at_most(100),
            idle_commands: at_most(500),
            command_wait: Duration::from_secs(5 * 60),
            content_wait: Duration::from_secs(10 * 60),
            content_time: Duration::from_secs(6 * 60 * 60),
        }
    }
}
