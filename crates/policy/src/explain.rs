//! What would happen, and why: for `gatepost explain`, without sending anything.

use std::net::IpAddr;

use gatepost_mail::{Domain, ForwardPath, Mailbox, Principal, ReversePath};

use crate::Rules;
use crate::channel;
use crate::connect::{self, ConnectFacts};
use crate::fact::Fact;
use crate::peer::{self, Device, Peer, PeerFacts};
use crate::relay::{self, RecipientFacts};
use crate::route::{self, NextHop};
use crate::rules::{Destination, Endpoint, Service};
use crate::submission::{self, SenderFacts};
use crate::verdict::{Decision, Verdict};

/// A transaction that somebody asks about, and the facts that were looked up for it.
#[derive(Debug, Clone)]
pub struct Hypothetical<'a> {
    /// Where the client connects from.
    pub client: IpAddr,
    /// The listener's purpose.
    pub service: Service,
    /// The account that has logged in, if any.
    pub account: Option<&'a str>,
    /// The sender.
    pub reverse_path: &'a ReversePath,
    /// The recipient.
    pub forward_path: &'a ForwardPath,
    /// How many places are taken.
    pub connections: ConnectFacts,
    /// Whether the account may send as the sender.
    pub owns: Fact<bool>,
    /// Whether the recipient exists, if its domain is ours.
    pub exists: Fact<bool>,
}

/// One question and the verdict on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was asked: `connect`, `sender`, `recipient`, `next hop`, `channel`.
    pub question: &'static str,
    /// The verdict. Where it chooses among ways, the way is in `because`.
    pub verdict: Verdict<Decision>,
}

/// The verdicts in the order in which they are made, up to and with the first that does not permit.
#[must_use]
pub fn explain(asked: &Hypothetical<'_>, rules: &Rules) -> Vec<Finding> {
    let peer = peer::identify(
        &PeerFacts {
            service: asked.service,
            client: asked.client,
            account: asked.account,
            reverse_path: asked.reverse_path,
        },
        rules,
    );
    let mut findings = Vec::new();
    for (question, verdict) in [
        ("connect", connect::connect(&asked.connections, rules)),
        ("sender", sender(asked, &peer, rules)),
        ("recipient", recipient(asked, &peer, rules)),
    ] {
        let goes_on = verdict.permits();
        findings.push(Finding { question, verdict });
        if !goes_on {
            return findings;
        }
    }
    findings.extend(onwards(asked.forward_path, &peer, rules));
    findings
}

fn sender(asked: &Hypothetical<'_>, peer: &Peer, rules: &Rules) -> Verdict<Decision> {
    let facts = SenderFacts {
        service: asked.service,
        peer,
        reverse_path: asked.reverse_path,
        owns: &asked.owns,
        device: &Fact::Known(Device::None),
    };
    submission::sender(&facts, rules)
}

fn recipient(asked: &Hypothetical<'_>, peer: &Peer, rules: &Rules) -> Verdict<Decision> {
    let facts = RecipientFacts {
        service: asked.service,
        peer,
        path: asked.forward_path,
        hosted: &relay::hosted(asked.forward_path, rules),
        exists: &asked.exists,
    };
    relay::recipient(&facts, rules)
}

fn onwards(path: &ForwardPath, peer: &Peer, rules: &Rules) -> Vec<Finding> {
    let Some(mailbox) = route::addressee(path, rules) else { return Vec::new() };
    let hop = route::next_hop(&mailbox, &principal(peer, &mailbox, rules), rules);
    let channel = channel::plan(&hop.decision, rules);
    let mut because = format!("{}: {}", described(&hop.decision), hop.because);
    if ForwardPath::Mailbox(mailbox.clone()) != *path {
        because = format!("{because}; for {mailbox}");
    }
    let Some(reply) = hop.reply else {
        let secured = format!("{:?}: {}", channel.decision, channel.because).to_lowercase();
        return vec![
            Finding { question: "next hop", verdict: Verdict::permit(hop.rule, because) },
            Finding { question: "channel", verdict: Verdict::permit(channel.rule, secured) },
        ];
    };
    vec![Finding { question: "next hop", verdict: Verdict::refuse(hop.rule, reply, because) }]
}

/// Who would answer for the message.
fn principal(peer: &Peer, mailbox: &Mailbox, rules: &Rules) -> Principal {
    match peer {
        Peer::Account(name) => Principal::Account(name.clone()),
        Peer::Machine(name) => Principal::Machine(name.clone()),
        Peer::Anonymous => {
            let domain: &Domain = mailbox.domain().unwrap_or(&rules.hostname);
            Principal::Hosted(domain.clone())
        }
    }
}

fn described(hop: &NextHop) -> String {
    match hop {
        NextHop::Local(Destination::Maildir(path)) => format!("maildir {}", path.display()),
        NextHop::Local(Destination::Lmtp(endpoint)) => format!("lmtp {}", place(endpoint)),
        NextHop::Local(Destination::Smtp(endpoint)) => format!("smtp {}", place(endpoint)),
        NextHop::Fixed(route) => format!("smtp {}", place(&route.via)),
        NextHop::Exchangers(domain) => format!("mail exchangers of {domain}"),
        NextHop::Literal(address) => format!("smtp {address}"),
        NextHop::Nowhere => "nowhere".to_owned(),
    }
}

fn place(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Unix(path) => path.display().to_string(),
        Endpoint::Address(address, port) => std::net::SocketAddr::new(*address, *port).to_string(),
        Endpoint::Name(name, port) => format!("{name}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn story(service: Service, account: Option<&str>, from: &str, to: &str) -> Vec<String> {
        let (reverse_path, forward_path) =
            (ReversePath::parse(from).unwrap(), ForwardPath::parse(to).unwrap());
        let asked = Hypothetical {
            client: "192.0.2.1".parse().unwrap(),
            service,
            account,
            reverse_path: &reverse_path,
            forward_path: &forward_path,
            connections: ConnectFacts { open: 0, open_from_network: 0 },
            owns: Fact::Known(true),
            exists: Fact::Known(true),
        };
        let finding = |finding: &Finding| format!("{} {}", finding.question, finding.verdict.rule);
        explain(&asked, &testing::rules()).iter().map(finding).collect()
    }

    #[test]
    fn the_story_ends_at_the_first_refusal() {
        assert_eq!(
            story(Service::Mx, None, "<a@elsewhere.example>", "<x@elsewhere.example>"),
            ["connect connect.free", "sender sender.anyone", "recipient relay.denied"]
        );
        assert_eq!(
            story(Service::Submission, None, "<a@elsewhere.example>", "<x@elsewhere.example>"),
            ["connect connect.free", "sender sender.login-first"]
        );
    }

    #[test]
    fn a_permitted_one_is_told_to_its_next_hop() {
        assert_eq!(
            story(Service::Submission, Some("ada"), "<ada@ours.example>", "<x@elsewhere.example>"),
            [
                "connect connect.free",
                "sender sender.owned",
                "recipient relay.identified",
                "next hop route.exchangers",
                "channel channel.opportunistic",
            ]
        );
        assert_eq!(
            story(Service::Mx, None, "<>", "<postmaster>").last().map(String::as_str),
            Some("channel channel.near")
        );
    }
}
