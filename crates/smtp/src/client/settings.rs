//! How a client session shall behave.

use std::sync::Arc;
use std::time::Duration;

use gatepost_mail::{Domain, Octets};

use crate::Protocol;

/// What a client session is told before it begins.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// Our own name, said in EHLO in its ASCII form.
    pub hello: Domain,
    /// SMTP or LMTP.
    pub protocol: Protocol,
    /// When to ask for STARTTLS.
    pub tls: TlsUse,
    /// Whether to log in.
    pub auth: AuthUse,
    /// When content goes by BDAT.
    pub chunking: ChunkingUse,
    /// How long to wait for what.
    pub limits: Arc<ClientLimits>,
}

/// When a client asks for STARTTLS (RFC 3207).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsUse {
    /// Not at all: the channel is encrypted already, or shall stay clear.
    Never,
    /// Where it is offered; a refusal leaves the channel clear. What follows a failed handshake is for the driver
    /// to decide: the connection is of no use then.
    IfOffered,
    /// No mail without it.
    Required,
}

/// Whether a client logs in (RFC 4954).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthUse {
    /// It does not.
    None,
    /// No mail without it.
    Required,
}

/// When content goes by BDAT, at a server that offers CHUNKING (RFC 3030).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkingUse {
    /// Where the server has taken a message over this connection a moment ago; and where it is needed.
    WhereProven,
    /// Only where DATA cannot carry the content unchanged.
    WhereNeeded,
}

/// How long a client waits, and for what it does not. The defaults of the waits are those of RFC 5321 section 4.5.3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientLimits {
    /// For the greeting. Section 4.5.3.2.1.
    pub greeting: Duration,
    /// For the reply to EHLO, STARTTLS, AUTH, MAIL, RCPT, RSET: each of them. Sections 4.5.3.2.2 and .3.
    pub reply: Duration,
    /// For the 354. Section 4.5.3.2.4.
    pub data_initiation: Duration,
    /// For the network to take one piece of content, and for the reply to a chunk that is not the last.
    /// Section 4.5.3.2.5.
    pub content_block: Duration,
    /// For the reply to all of the content, each recipient's with LMTP. Long, since giving up early makes
    /// duplicates. Section 4.5.3.2.6.
    pub final_reply: Duration,
    /// For the reply to QUIT, which changes nothing any more.
    pub farewell: Duration,
    /// The largest content that goes along with its envelope where the server has PIPELINING and CHUNKING: MAIL, RCPT and BDAT
    /// in one group (RFC 2920 section 3.1, RFC 3030), for one round trip less. What the server refuses then was sent in vain. 0 for
    /// never.
    pub along: Octets,
}

impl Default for ClientLimits {
    fn default() -> Self {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        Self {
            greeting: minutes(5),
            reply: minutes(5),
            data_initiation: minutes(2),
            content_block: minutes(3),
            final_reply: minutes(10),
            farewell: Duration::from_secs(10),
            along: Octets::kib(64),
        }
    }
}
