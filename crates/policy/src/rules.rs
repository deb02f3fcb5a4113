//! All settings that decide: checked when they are made, immutable afterwards.
//!
//! A reload makes a new value; a session keeps the one it began with. Secrets are not in here: a route names
//! its login, the driver holds it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

pub use gatepost_mail::Network;
use gatepost_mail::{Domain, Mailbox, Octets};
use gatepost_sasl::{Mechanism, NtlmVersions, OauthHelp};

/// What a listener is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Other servers bring mail for our domains. AUTH is not offered.
    Mx,
    /// Our people and machines hand in mail. AUTH is demanded.
    Submission,
}

/// Whether a channel is encrypted, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Anyone on the way can read it.
    Clear,
    /// Under TLS.
    Encrypted,
}

/// All settings that decide.
#[derive(Debug, Clone)]
pub struct Rules {
    /// What we call ourselves.
    pub hostname: Domain,
    /// The domains that we take mail for, from anyone.
    pub hosted: BTreeMap<Domain, HostedDomain>,
    /// Logging in.
    pub auth: AuthRules,
    /// Machines that cannot log in.
    pub machines: Vec<Machine>,
    /// Limits of sessions, messages and accounts.
    pub limits: LimitRules,
    /// Where and when outgoing mail goes.
    pub delivery: DeliveryRules,
    /// Fixed next hops.
    pub routes: Vec<Route>,
}

/// One domain of ours.
#[derive(Debug, Clone)]
pub struct HostedDomain {
    /// Where its mail goes.
    pub deliver: Destination,
    /// Which of its addresses exist.
    pub recipients: RecipientRule,
    /// Who reads `postmaster`; without it, the mailbox `postmaster` of the domain, which then always exists.
    pub postmaster: Option<Mailbox>,
}

/// Where a hosted domain's mail goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Destination {
    /// A Maildir; `{domain}` and `{local-part}` in the path are filled in.
    Maildir(PathBuf),
    /// An LMTP server (RFC 2033).
    Lmtp(Endpoint),
    /// Another SMTP server, for which we are the relay.
    Smtp(Endpoint),
}

/// Where a fixed next hop listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A unix socket.
    Unix(PathBuf),
    /// An address and port.
    Address(IpAddr, u16),
    /// A host name, looked up (A and AAAA, no MX), and a port.
    Name(Domain, u16),
}

/// As in `127.0.0.1:24`, `mx.example.net:25`, `unix:/run/lmtp`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Address(address, port) => write!(f, "{}", SocketAddr::new(*address, *port)),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

/// Which addresses of a hosted domain exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecipientRule {
    /// Those that the directory knows.
    Known,
    /// All: the server behind us decides.
    Any,
    /// These, in [`Mailbox::folded`] form.
    Listed(BTreeSet<String>),
}

/// Rules about logging in.
#[derive(Debug, Clone)]
pub struct AuthRules {
    /// Offered, in the order wanted, where no other list is for the listener or the client's network.
    pub mechanisms: Vec<Mechanism>,
    /// Other lists, by the listener's name.
    pub listeners: BTreeMap<String, Vec<Mechanism>>,
    /// Other lists, for clients of a network. The smallest network counts.
    pub networks: Vec<(Network, Vec<Mechanism>)>,
    /// What the sources of accounts can serve: nothing else is offered, whatever the lists say.
    pub served: BTreeSet<Mechanism>,
    /// DIGEST-MD5's realm: changing it makes the secrets of that mechanism worthless.
    pub realm: String,
    /// What NTLM takes.
    pub ntlm: NtlmVersions,
    /// Where clients learn how to get a token.
    pub oauth_help: OauthHelp,
    /// Whether PLAIN and LOGIN may be offered in the clear.
    pub plaintext_without_tls: PlaintextWithoutTls,
    /// How many failures lock a client network or an account out.
    pub failures_before_lockout: NonZeroU32,
    /// For how long, and over which time failures are counted.
    pub lockout: Duration,
    /// The longest delay before the reply to a failure; none means no delay.
    pub tarpit: Duration,
    /// What an account that has bound its logins to the TLS channel may do from then on.
    pub ratchet: Ratchet,
}

/// Whether logins of an account may become weaker again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ratchet {
    /// They may.
    Off,
    /// An account that has logged in bound to its TLS channel is refused weaker ways from then on.
    On,
}

/// Whether passwords may cross a channel that is not encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaintextWithoutTls {
    /// Never.
    Refused,
    /// The operator said so.
    Allowed,
}

/// A machine that cannot log in: a name, a leash and an owner.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// The addresses that it connects from.
    pub networks: Vec<Network>,
    /// Envelope senders and authors that it may use; never empty.
    pub senders: BTreeSet<String>,
    /// How much it may send.
    pub messages_per_hour: NonZeroU32,
}

/// Limits of sessions, messages and accounts.
#[derive(Debug, Clone)]
pub struct LimitRules {
    /// Largest message.
    pub message_size: Octets,
    /// Most recipients of one message.
    pub recipients_per_message: NonZeroU32,
    /// Most sessions at once.
    pub connections: NonZeroU32,
    /// Most sessions of one client network at once (IPv4 /32, IPv6 /64).
    pub connections_per_network: NonZeroU32,
    /// Most messages of one account in an hour.
    pub account_messages_per_hour: NonZeroU32,
    /// Most recipients of one account in a day.
    pub account_recipients_per_day: NonZeroU32,
    /// Most Received fields before a message counts as going in circles (RFC 5321 section 6.3).
    pub received_fields: u32,
    /// What a message gets that is handed in again because its 250 was lost.
    pub repeated_hand_in: RepeatRule,
}

/// What a message gets that is handed in again because its 250 was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepeatRule {
    /// The id of the first: there is one message.
    SameId,
    /// An id of its own: there are two.
    New,
}

/// Where and when outgoing mail goes.
#[derive(Debug, Clone)]
pub struct DeliveryRules {
    /// Waits between attempts; the last one repeats. Never empty.
    pub retry: Vec<Duration>,
    /// Age at which a message is given up.
    pub expire: Duration,
    /// Age at which its sender is told that it waits.
    pub warn_after: Duration,
    /// How secure a next hop must be unless something raises it.
    pub tls: TlsRule,
}

/// How secure a next hop must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsRule {
    /// Encrypted if it can be, unchecked (RFC 7435).
    Opportunistic,
    /// Encrypted with a certificate that is valid for its name, or not at all.
    Required,
    /// Never encrypted: fixed next hops on loopback and unix sockets.
    Off,
}

/// A fixed next hop for some domains.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Route {
    /// Which domains.
    pub pattern: Pattern,
    /// Where to.
    pub via: Endpoint,
    /// The name of the login to use there; the driver holds it.
    pub login: Option<String>,
    /// How secure the next hop must be.
    pub tls: TlsRule,
}

/// Which domains a route is for. The most specific wins.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// This domain alone.
    Exactly(Domain),
    /// Names below it: `*.example.net`.
    Below(Domain),
    /// All: the smart host.
    All,
}
