//! Every reply we speak, in one place: plain, short, says what to do, gives away nothing of the inside.
//!
//! Where a reply names what it is about, its maker puts the text in with [`Reply::with_text`].

use super::{Detail, Reply};

const fn say(code: u16, subject: u16, detail: u16, text: &'static str) -> Reply {
    Reply::say(code, Detail::new(subject, detail), text)
}

// Greeting and session. RFC 5321 section 4.3.
/// The text is the host name and protocol.
pub const GREETING: Reply = Reply::plain(220, "ready");
/// The first line's text is the host name, then one line per extension.
pub const HELLO: Reply = Reply::plain(250, "hello");
/// Answer to QUIT.
pub const BYE: Reply = say(221, 0, 0, "Bye");
/// Answer to NOOP and RSET.
pub const OK: Reply = say(250, 0, 0, "OK");
/// Answer to VRFY. RFC 5321 section 3.5.3.
pub const CANNOT_VERIFY: Reply = say(252, 1, 5, "Cannot say; send some mail and see");
/// Answer to EXPN.
pub const NO_EXPN: Reply = say(502, 5, 1, "Lists are not shown here");
/// Answer to HELP.
pub const HELP: Reply =
    say(214, 0, 0, "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP STARTTLS AUTH QUIT");
/// Nothing came for too long. RFC 5321 section 4.5.3.2.
pub const TOO_SLOW: Reply = say(421, 4, 2, "Nothing came for too long; closing");
/// We stop.
pub const SHUTTING_DOWN: Reply = say(421, 3, 2, "The server is stopping; try again soon");
/// All places are taken.
pub const TOO_MANY_CONNECTIONS: Reply = say(421, 3, 2, "All connections are taken; try again soon");
/// This network holds too many places.
pub const TOO_MANY_FROM_NETWORK: Reply =
    say(421, 7, 0, "Too many connections from your network; close some or try again soon");
/// Patience ends.
pub const TOO_MANY_ERRORS: Reply = say(421, 7, 0, "Too many errors; closing");
/// More transactions than one session may have. RFC 9422 section 4.1.
pub const TOO_MANY_TRANSACTIONS: Reply = say(421, 7, 0, "Enough messages for one session; open another");
/// Octets came before the greeting was sent. RFC 5321 section 4.3.1.
pub const SPOKE_TOO_EARLY: Reply = say(554, 5, 0, "You spoke before the greeting");

// Syntax and order. RFC 5321 section 4.2.4.
/// Not a command of ours.
pub const UNKNOWN_COMMAND: Reply = say(500, 5, 2, "Unknown command; HELP lists those that work");
/// A command line over its limit.
pub const LINE_TOO_LONG: Reply = say(500, 5, 6, "The line is too long");
/// A bare CR or LF, or NUL, in a command.
pub const BAD_LINE: Reply = say(500, 5, 2, "Lines end with CRLF and hold no NUL, bare CR or bare LF");
/// The argument cannot be read.
pub const SYNTAX: Reply = say(501, 5, 4, "Cannot read the argument of this command");
/// An address cannot be read, in MAIL.
pub const BAD_SENDER: Reply = say(501, 1, 7, "Cannot read this sender address");
/// An address cannot be read, in RCPT.
pub const BAD_RECIPIENT: Reply = say(501, 1, 3, "Cannot read this recipient address");
/// The command does not take an argument, or not this many.
pub const NO_ARGUMENT: Reply = say(501, 5, 4, "This command takes no argument");
/// Wrong order.
pub const BAD_SEQUENCE: Reply = say(503, 5, 1, "Not now: wrong order of commands");
/// Nothing before EHLO.
pub const HELLO_FIRST: Reply = say(503, 5, 1, "Say EHLO or HELO first");
/// RCPT, DATA or BDAT without MAIL.
pub const MAIL_FIRST: Reply = say(503, 5, 1, "Say MAIL first");
/// DATA or BDAT without a recipient taken.
pub const NO_RECIPIENTS: Reply = say(503, 5, 1, "No recipient was accepted");
/// DATA and BDAT mixed, or DATA for BINARYMIME. RFC 3030 section 3.
pub const NO_MIXING: Reply = say(503, 5, 1, "DATA does not go with BDAT or BODY=BINARYMIME");
/// Nobody can tell where the octets of this chunk end and the next command begins. RFC 3030 section 2.
pub const UNREADABLE_CHUNK: Reply = say(421, 5, 4, "Cannot tell where this chunk ends; closing");
/// A parameter that we do not have. RFC 5321 section 4.1.1.11.
pub const UNKNOWN_PARAMETER: Reply = say(555, 5, 4, "Unknown parameter");
/// A parameter of ours with a value that is none, or twice.
pub const BAD_PARAMETER: Reply = say(501, 5, 4, "Cannot read this parameter");
/// An address that needs SMTPUTF8 came without it. RFC 6531 section 3.5.
pub const NEEDS_SMTPUTF8: Reply = say(553, 6, 7, "This address needs the SMTPUTF8 parameter on MAIL");

// STARTTLS. RFC 3207.
/// Go.
pub const START_TLS: Reply = say(220, 0, 0, "Ready for TLS");
/// Octets came behind STARTTLS, where only the handshake may come. RFC 3207 section 4.2.
pub const SPOKE_BEFORE_TLS: Reply = say(554, 5, 0, "Commands came behind STARTTLS, in the clear; closing");
/// Not here, or twice.
pub const NO_STARTTLS: Reply = say(503, 5, 1, "TLS is not offered here, or already on");
/// TLS first. RFC 3207 section 4.
pub const TLS_FIRST: Reply = say(530, 7, 0, "Say STARTTLS first");
/// No certificate at the moment.
pub const TLS_UNAVAILABLE: Reply = say(454, 7, 0, "TLS is not available now; try again later");

// AUTH. RFC 4954 sections 4 and 6.
/// Logged in.
pub const AUTHENTICATED: Reply = say(235, 7, 0, "Authenticated");
/// The text is the challenge in base64.
pub const CHALLENGE: Reply = Reply::plain(334, "");
/// Wrong name or password: which of them is not said.
pub const BAD_CREDENTIALS: Reply = say(535, 7, 8, "Name or password is wrong");
/// The client binds its login to the TLS channel in a way that this channel does not have.
pub const BINDING_UNSUPPORTED: Reply = say(
    535,
    7,
    8,
    "This kind of channel binding is not available here; use TLS 1.3, or a mechanism without -PLUS",
);
/// The directory cannot be asked now.
pub const AUTH_LATER: Reply = say(454, 7, 0, "Cannot check logins now; try again later");
/// The client broke off with `*`.
pub const AUTH_CANCELLED: Reply = say(501, 7, 0, "Login broken off");
/// Not base64, or not what the mechanism takes.
pub const AUTH_MALFORMED: Reply = say(501, 5, 2, "Cannot read this login response");
/// A response over 12,288 octets. RFC 4954 section 4.
pub const AUTH_TOO_LONG: Reply = say(500, 5, 6, "The login response is too long");
/// Not a mechanism of ours.
pub const UNKNOWN_MECHANISM: Reply =
    say(504, 5, 4, "This mechanism is not offered; EHLO lists those that are");
/// This mechanism needs TLS first.
pub const ENCRYPTION_REQUIRED: Reply = say(538, 7, 11, "This mechanism needs encryption; say STARTTLS first");
/// This mechanism would work, but this account has nothing for it. RFC 4954 section 6.
pub const MECHANISM_TOO_WEAK: Reply = say(534, 7, 9, "This mechanism is too weak for this account");
/// The account has bound its logins to the TLS channel before, and this one is not bound (the ratchet).
pub const BINDING_WANTED: Reply = say(
    534,
    7,
    9,
    "This account logs in with channel binding only; choose a SCRAM mechanism with -PLUS in your mail program, \
     or ask your postmaster",
);
/// A response of NTLMv1 where only NTLMv2 is taken.
pub const NTLM_V1: Reply = say(534, 7, 9, "NTLMv1 is too weak; set your program or device to NTLMv2");
/// A bearer token that is not good (RFC 7628 section 3.2.2); inside the exchange the client was told more.
pub const TOKEN_REFUSED: Reply = say(535, 7, 8, "The token is not good for sending mail here; get a new one");
/// A login that is meant for another host, port or realm.
pub const WRONG_SERVER: Reply =
    say(535, 7, 8, "This login is meant for another server; use the name that this server greets with");
/// A login that was seen before, or whose time is off.
pub const LOGIN_REPEATED: Reply = say(535, 7, 8, "This login was used before, or your clock is wrong");
/// EXTERNAL without a certificate that belongs to an account.
pub const NO_CERTIFICATE: Reply =
    say(535, 7, 8, "Your TLS client certificate is missing, or belongs to no account");
/// Twice, or inside a transaction, or after MAIL.
pub const AUTH_NOT_NOW: Reply = say(503, 5, 1, "Logging in is possible once, and not inside a transaction");
/// AUTH is not offered on this listener or in this state.
pub const NO_AUTH: Reply = say(503, 5, 1, "Logging in is not offered here");
/// Nothing works before AUTH.
pub const AUTH_FIRST: Reply = say(530, 7, 0, "Log in first");
/// Locked after too many failures.
pub const LOCKED_OUT: Reply = say(454, 7, 0, "Too many failed logins; try again later");

// MAIL and RCPT.
/// Sender taken.
pub const SENDER_OK: Reply = say(250, 1, 0, "Sender OK");
/// Recipient taken.
pub const RECIPIENT_OK: Reply = say(250, 1, 5, "Recipient OK");
/// Declared size above the limit. RFC 1870 section 6.
pub const TOO_LARGE: Reply = say(552, 3, 4, "The message is larger than is taken here");
/// RFC 5321 section 4.5.3.1.10.
pub const TOO_MANY_RECIPIENTS: Reply =
    say(452, 5, 3, "Too many recipients; send the rest in another transaction");
/// Relaying.
pub const RELAY_DENIED: Reply = say(
    550,
    7,
    1,
    "Relaying is not permitted: log in on the submission port, or send to the domain's own servers",
);
/// No such user of ours.
pub const NO_SUCH_USER: Reply = say(550, 1, 1, "No such mailbox here");
/// Local parts that other servers may read as routes.
pub const ROUTED_LOCAL_PART: Reply = say(550, 7, 1, "Addresses with a route inside are not taken");
/// A fact could not be had.
pub const UNKNOWN_FOR_NOW: Reply = say(451, 4, 3, "Cannot decide now; try again later");
/// The account does not own this sender.
pub const NOT_YOUR_SENDER: Reply = say(550, 7, 1, "Your account may not send as this address");
/// The device's own password was taken away, or has ended, since it logged in.
pub const DEVICE_GONE: Reply =
    say(550, 7, 1, "This device's password was revoked or has ended; give it a new one");
/// The device may send as some addresses only.
pub const NOT_OF_DEVICE: Reply = say(550, 7, 1, "This device may not send as this address");
/// The account does not own an author in the header section. RFC 6409 section 8.
pub const NOT_YOUR_AUTHOR: Reply = say(550, 7, 1, "Your account may not use this From or Sender field");
/// Over an hourly or daily limit.
pub const OVER_LIMIT: Reply = say(450, 7, 1, "Your sending limit is reached; try again later");

// Content.
/// Go on with content.
pub const SEND_CONTENT: Reply = Reply::plain(354, "End with <CRLF>.<CRLF>");
/// The text names the spool id.
pub const QUEUED: Reply = say(250, 0, 0, "Queued");
/// A BDAT chunk was taken.
pub const CHUNK_OK: Reply = say(250, 0, 0, "Chunk OK");
/// Bare CR or LF in content.
pub const BARE_LINE_END: Reply = say(550, 6, 0, "The content holds a bare CR or LF; lines end with CRLF");
/// A NUL in content that is not BINARYMIME.
pub const NUL_IN_CONTENT: Reply = say(550, 6, 0, "The content holds a NUL octet");
/// A content line over the limit.
pub const CONTENT_LINE_TOO_LONG: Reply = say(550, 6, 0, "The content holds a line that is too long");
/// Too many Received fields. RFC 5321 section 6.3.
pub const MAIL_LOOP: Reply = say(554, 4, 6, "Too many hops: this message goes in circles");
/// A header section without end.
pub const HEADERS_TOO_LARGE: Reply = say(552, 3, 4, "The header section is too large");
/// A header section that cannot be told apart: two From fields, or none that can be read.
pub const BAD_HEADERS: Reply = say(550, 6, 0, "The From field is missing, doubled or cannot be read");
/// The disk is full, or will be.
pub const NO_ROOM: Reply = say(452, 3, 1, "No room for this message now; try again later");
/// The disk said no.
pub const STORAGE_FAILED: Reply = say(451, 3, 0, "The message could not be stored; try again later");

// Delivery: what a report says when no next hop has given a reply.
/// The recipient's domain does not exist. RFC 3463 section 3.2.
pub const NO_SUCH_DOMAIN: Reply = say(550, 1, 2, "The recipient's domain does not exist");
/// The recipient's domain takes no mail. RFC 7505 section 4.
pub const NULL_MX: Reply = say(556, 1, 10, "The recipient's domain takes no mail");
/// No host can be found for the recipient's domain. RFC 3463 section 3.5.
pub const NO_ROUTE: Reply = say(550, 4, 4, "No mail server can be found for the recipient");
/// We are the recipient's best exchanger and have no use for its mail. RFC 5321 section 5.1.
pub const EXCHANGER_LOOP: Reply =
    say(554, 4, 6, "The recipient's mail would come back here: its mail servers are set up wrong");
/// The next hop has said how much it takes. RFC 1870 section 6.2.
pub const NEXT_HOP_TOO_LARGE: Reply = say(552, 3, 4, "The message is larger than the next mail server takes");
/// The next hop has no SMTPUTF8. RFC 6531 section 3.5.
pub const NEXT_HOP_NO_SMTPUTF8: Reply =
    say(553, 6, 7, "The next mail server cannot take addresses or header fields in UTF-8");
/// The next hop takes less than the content needs, and it must not or cannot be changed. RFC 6152 section 3.
pub const CANNOT_CONVERT: Reply =
    say(554, 6, 3, "The next mail server cannot take this content, and it cannot be converted");
/// Too old. RFC 3463 section 3.5.
pub const EXPIRED: Reply = say(554, 4, 7, "The message could not be delivered in time");

// Outcomes of our own, shown in events and reports.
/// Final delivery into a mailbox of ours.
pub const MAILBOX_HAS_IT: Reply = say(250, 0, 0, "In the mailbox");
/// A recipient waits, and no server has said why.
pub const NOT_YET: Reply = say(451, 4, 1, "Not delivered yet");
