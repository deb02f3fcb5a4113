//! May this recipient be taken? The one place where an open relay would have to be written down.

use std::net::IpAddr;

use gatepost_mail::reply::table;
use gatepost_mail::{ForwardPath, Host, Mailbox};

use crate::Rules;
use crate::fact::Fact;
use crate::peer::Peer;
use crate::route;
use crate::rules::{RecipientRule, Service};
use crate::verdict::{Decision, Rule, Verdict};

const LOGIN_FIRST: Rule = Rule::named("relay.login-first");
const POSTMASTER: Rule = Rule::named("relay.postmaster");
const NO_POSTMASTER: Rule = Rule::named("relay.no-postmaster");
const HOSTED: Rule = Rule::named("relay.hosted");
const NO_MAILBOX: Rule = Rule::named("relay.no-mailbox");
const ROUTED: Rule = Rule::named("relay.routed-local-part");
const DENIED: Rule = Rule::named("relay.denied");
const UNKNOWN: Rule = Rule::named("relay.unknown");
const IDENTIFIED: Rule = Rule::named("relay.identified");
const OURSELVES: Rule = Rule::named("relay.literal-ourselves");

/// What is known at RCPT.
#[derive(Debug, Clone, Copy)]
pub struct RecipientFacts<'a> {
    /// The listener's purpose.
    pub service: Service,
    /// Who is behind the transaction.
    pub peer: &'a Peer,
    /// The recipient.
    pub path: &'a ForwardPath,
    /// Whether its domain is ours: [`hosted`].
    pub hosted: &'a Fact<bool>,
    /// Whether the mailbox exists, if its domain is ours: [`existence`].
    pub exists: &'a Fact<bool>,
}

/// Says whether a recipient may be taken (RFC 5321 section 3.6.2, RFC 6409 section 6.1).
///
/// An identity counts on `Submission` only: it opens the way to anywhere. All others reach mailboxes of ours,
/// on `Mx`, and nothing else.
pub fn recipient(facts: &RecipientFacts<'_>, rules: &Rules) -> Verdict<Decision> {
    match (facts.service, facts.peer) {
        (Service::Mx, _) => addressed(facts, rules, stranger),
        (Service::Submission, Peer::Anonymous) => {
            Verdict::refuse(LOGIN_FIRST, table::AUTH_FIRST, "nobody has logged in")
        }
        (Service::Submission, Peer::Account(_) | Peer::Machine(_)) => addressed(facts, rules, identified),
    }
}

/// Decides what holds for everyone: postmasters and domains of ours. `elsewhere` decides about the rest.
fn addressed(
    facts: &RecipientFacts<'_>,
    rules: &Rules,
    elsewhere: fn(&RecipientFacts<'_>, &Mailbox) -> Verdict<Decision>,
) -> Verdict<Decision> {
    let mailbox = match facts.path {
        ForwardPath::Postmaster => return postmaster(rules),
        ForwardPath::Mailbox(mailbox) => mailbox,
    };
    match (mailbox.host(), facts.hosted) {
        (Host::Literal(_), _) | (Host::Domain(_), Fact::Known(false)) => elsewhere(facts, mailbox),
        (Host::Domain(_), Fact::Unknown(why)) => Verdict::defer(UNKNOWN, table::UNKNOWN_FOR_NOW, why.clone()),
        (Host::Domain(_), Fact::Known(true)) => ours(facts, mailbox, rules),
    }
}

/// RFC 5321 section 4.5.1: always taken, as long as there is anybody to give it to.
fn postmaster(rules: &Rules) -> Verdict<Decision> {
    match route::addressee(&ForwardPath::Postmaster, rules) {
        Some(mailbox) => Verdict::permit(POSTMASTER, format!("goes to {mailbox}")),
        None => Verdict::refuse(NO_POSTMASTER, table::NO_SUCH_USER, "no domain is hosted here"),
    }
}

/// At a domain of ours, whoever sends.
fn ours(facts: &RecipientFacts<'_>, mailbox: &Mailbox, rules: &Rules) -> Verdict<Decision> {
    if is_postmaster(mailbox) {
        return Verdict::permit(POSTMASTER, "postmaster of a domain of ours");
    }
    if mailbox.local_part().looks_routed() && !is_listed_by_name(mailbox, rules) {
        return Verdict::refuse(ROUTED, table::ROUTED_LOCAL_PART, "the local part may be read as a route");
    }
    match facts.exists {
        Fact::Known(true) => Verdict::permit(HOSTED, "a mailbox of ours"),
        Fact::Known(false) if mailbox.local_part().looks_routed() => {
            Verdict::refuse(ROUTED, table::ROUTED_LOCAL_PART, "the local part may be read as a route")
        }
        Fact::Known(false) => Verdict::refuse(NO_MAILBOX, table::NO_SUCH_USER, "no such mailbox of ours"),
        Fact::Unknown(why) => Verdict::defer(UNKNOWN, table::UNKNOWN_FOR_NOW, why.clone()),
    }
}

/// Whether "it exists" would mean this very local part, not "the server behind us takes everything".
fn is_listed_by_name(mailbox: &Mailbox, rules: &Rules) -> bool {
    let rule = mailbox.domain().and_then(|domain| rules.hosted.get(domain)).map(|hosted| &hosted.recipients);
    match rule {
        Some(RecipientRule::Any) => false,
        Some(RecipientRule::Known | RecipientRule::Listed(_)) | None => true,
    }
}

/// Not ours, and nobody we know: the answer is no, whatever else is true.
fn stranger(_: &RecipientFacts<'_>, mailbox: &Mailbox) -> Verdict<Decision> {
    let because = format!("{} is not a domain of ours and the sender has no identity here", mailbox.host());
    Verdict::refuse(DENIED, table::RELAY_DENIED, because)
}

/// Not ours, but an account or a machine of ours sends it.
fn identified(facts: &RecipientFacts<'_>, mailbox: &Mailbox) -> Verdict<Decision> {
    match mailbox.host() {
        Host::Literal(literal) if cannot_be_elsewhere(literal.0) => {
            Verdict::refuse(OURSELVES, table::RELAY_DENIED, format!("{literal} is no other host"))
        }
        Host::Literal(_) | Host::Domain(_) => Verdict::permit(IDENTIFIED, facts.peer.to_string()),
    }
}

/// Addresses that lead back to this machine, or to nobody: with one of these in brackets a sender could make us
/// talk to services that listen on loopback only.
pub(crate) fn cannot_be_elsewhere(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    address.is_loopback() || address.is_unspecified() || address.is_multicast() || link_local
}

pub(crate) fn is_postmaster(mailbox: &Mailbox) -> bool {
    mailbox.local_part().as_str().eq_ignore_ascii_case("postmaster")
}

/// Whether the recipient's domain is ours by the rules. Never unknown, as long as the rules alone say so.
#[must_use]
pub fn hosted(path: &ForwardPath, rules: &Rules) -> Fact<bool> {
    Fact::Known(match path {
        ForwardPath::Postmaster => true,
        ForwardPath::Mailbox(mailbox) => {
            mailbox.domain().is_some_and(|domain| rules.hosted.contains_key(domain))
        }
    })
}

/// Who knows whether a mailbox exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existence {
    /// The rules say yes.
    Exists,
    /// The rules say no; also for domains that are not ours.
    Missing,
    /// The directory must be asked.
    AskDirectory,
}

/// Says whether the rules know if a recipient exists, or the directory must be asked.
#[must_use]
pub fn existence(path: &ForwardPath, rules: &Rules) -> Existence {
    let ForwardPath::Mailbox(mailbox) = path else { return Existence::Exists };
    let Some(hosted) = mailbox.domain().and_then(|domain| rules.hosted.get(domain)) else {
        return Existence::Missing;
    };
    match &hosted.recipients {
        _ if is_postmaster(mailbox) => Existence::Exists,
        RecipientRule::Any => Existence::Exists,
        RecipientRule::Listed(listed) if listed.contains(&mailbox.folded()) => Existence::Exists,
        RecipientRule::Listed(_) => Existence::Missing,
        RecipientRule::Known => Existence::AskDirectory,
    }
}

#[cfg(test)]
mod tests;
