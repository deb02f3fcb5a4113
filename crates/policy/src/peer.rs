//! Who is behind a transaction.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;

use gatepost_mail::{Mailbox, ReversePath};

use crate::rules::{Machine, Rules, Service};

/// Who is behind a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Peer {
    /// An account that proved who it is.
    Account(String),
    /// A machine that rules name: it connects from an address of its own, and still may use only its senders.
    Machine(String),
    /// Nobody we know.
    Anonymous,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(name) => write!(f, "account {name}"),
            Self::Machine(name) => write!(f, "machine {name}"),
            Self::Anonymous => f.write_str("nobody we know"),
        }
    }
}

/// The device by whose password an account has logged in: the account answers for what it sends, and it may do less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Device {
    /// None: the account's own password, or whatever else is proof for all of it.
    None,
    /// This one.
    Named {
        /// Its name within the account.
        label: String,
        /// What it may send as, as in [`includes`]; empty means all that the account may.
        senders: BTreeSet<String>,
        /// How many messages it may send in a day.
        messages_per_day: Option<NonZeroU32>,
    },
    /// It was one that is there no more: revoked, or ended, since it logged in.
    Gone,
}

impl Device {
    /// Whether no list holds it back.
    pub(crate) fn is_free(&self) -> bool {
        match self {
            Self::None => true,
            Self::Named { senders, .. } => senders.is_empty(),
            Self::Gone => false,
        }
    }

    /// Whether its list lets it use this mailbox; whether the account may is another question.
    pub(crate) fn may_use(&self, mailbox: &Mailbox) -> bool {
        match self {
            Self::Named { senders, .. } => senders.is_empty() || includes(senders, mailbox),
            Self::None | Self::Gone => self.is_free(),
        }
    }

    /// Its name, where it is one.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        match self {
            Self::Named { label, .. } => Some(label),
            Self::None | Self::Gone => None,
        }
    }
}

/// What is known of a client when it names a sender.
#[derive(Debug, Clone, Copy)]
pub struct PeerFacts<'a> {
    /// The listener's purpose.
    pub service: Service,
    /// Where the client connects from.
    pub client: IpAddr,
    /// The account that has logged in, if any.
    pub account: Option<&'a str>,
    /// The sender it names now.
    pub reverse_path: &'a ReversePath,
}

/// Says who is behind a transaction that begins with this sender.
///
/// A login counts before an address. Of several machines behind one address the one that may use the sender
/// is meant; if none may, the first, so that the refusal names it. Other servers have no identity on `Mx`,
/// whatever their address.
#[must_use]
pub fn identify(facts: &PeerFacts<'_>, rules: &Rules) -> Peer {
    match (facts.service, facts.account) {
        (Service::Mx, _) => Peer::Anonymous,
        (Service::Submission, Some(name)) => Peer::Account(name.to_owned()),
        (Service::Submission, None) => machine(facts, rules),
    }
}

fn machine(facts: &PeerFacts<'_>, rules: &Rules) -> Peer {
    let mut here = rules.machines.iter().filter(|machine| is_at(machine, facts.client));
    let Some(first) = here.next() else { return Peer::Anonymous };
    let may_send = |machine: &&Machine| {
        facts.reverse_path.mailbox().is_some_and(|mailbox| includes(&machine.senders, mailbox))
    };
    let meant = std::iter::once(first).chain(here).find(may_send).unwrap_or(first);
    Peer::Machine(meant.name.clone())
}

fn is_at(machine: &Machine, client: IpAddr) -> bool {
    machine.networks.iter().any(|network| network.contains(client))
}

/// Whether a list of senders has this mailbox: by its [`Mailbox::folded`] form, or as `*@domain`.
#[must_use]
pub fn includes(senders: &BTreeSet<String>, mailbox: &Mailbox) -> bool {
    senders.contains(&mailbox.folded())
        || mailbox.domain().is_some_and(|domain| senders.contains(&format!("*@{}", domain.ascii())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn who(service: Service, client: &str, account: Option<&str>, sender: &str) -> Peer {
        let reverse_path = ReversePath::parse(sender).unwrap();
        let client = client.parse().unwrap();
        identify(&PeerFacts { service, client, account, reverse_path: &reverse_path }, &testing::rules())
    }

    #[test]
    fn a_login_or_a_rule_makes_an_identity_and_an_address_alone_does_not() {
        use Service::{Mx, Submission};
        let machine = |name: &str| Peer::Machine(name.into());
        let rows = [
            (Submission, "10.0.7.20", None, "<scanner@ours.example>", machine("scanner")),
            (Submission, "10.0.7.20", None, "<door@ours.example>", machine("door")),
            (Submission, "10.0.7.20", None, "<any@plant.example>", machine("door")),
            (Submission, "10.0.7.20", None, "<ada@ours.example>", machine("scanner")),
            (Submission, "10.0.7.20", None, "<>", machine("scanner")),
            (Submission, "10.0.7.21", None, "<scanner@ours.example>", Peer::Anonymous),
            (Submission, "127.0.0.1", None, "<scanner@ours.example>", Peer::Anonymous),
            (Submission, "::1", None, "<ada@ours.example>", Peer::Anonymous),
            (Submission, "10.0.7.20", Some("ada"), "<scanner@ours.example>", Peer::Account("ada".into())),
            (Mx, "10.0.7.20", None, "<scanner@ours.example>", Peer::Anonymous),
            (Mx, "10.0.7.20", Some("ada"), "<ada@ours.example>", Peer::Anonymous),
        ];
        for (service, client, account, sender, want) in rows {
            assert_eq!(
                who(service, client, account, sender),
                want,
                "{service:?} {client} {account:?} {sender}"
            );
        }
    }
}
