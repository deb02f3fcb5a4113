//! May this peer use this sender, and these authors? RFC 6409.

use gatepost_mail::header::AddressField;
use gatepost_mail::reply::table;
use gatepost_mail::{Mailbox, ReversePath};

use crate::Rules;
use crate::fact::Fact;
use crate::peer::{Device, Peer, includes};
use crate::rules::Service;
use crate::verdict::{Decision, Rule, Verdict};

const FROM_ANYONE: Rule = Rule::named("sender.anyone");
const LOGIN_FIRST: Rule = Rule::named("sender.login-first");
const NULL: Rule = Rule::named("sender.null");
const OWNED: Rule = Rule::named("sender.owned");
const NOT_OWNED: Rule = Rule::named("sender.not-owned");
const UNKNOWN: Rule = Rule::named("sender.unknown");
const OF_MACHINE: Rule = Rule::named("sender.machine");
const NOT_OF_MACHINE: Rule = Rule::named("sender.not-of-machine");
const DEVICE_GONE: Rule = Rule::named("sender.device-gone");
const NOT_OF_DEVICE: Rule = Rule::named("sender.not-of-device");

const AUTHOR_ANYONE: Rule = Rule::named("author.anyone");
const AUTHOR_LOGIN_FIRST: Rule = Rule::named("author.login-first");
const AUTHOR_OWNED: Rule = Rule::named("author.owned");
const AUTHOR_NOT_OWNED: Rule = Rule::named("author.not-owned");
const AUTHOR_UNKNOWN: Rule = Rule::named("author.unknown");
const AUTHOR_UNREADABLE: Rule = Rule::named("author.unreadable");
const AUTHOR_OF_MACHINE: Rule = Rule::named("author.machine");
const AUTHOR_NOT_OF_MACHINE: Rule = Rule::named("author.not-of-machine");
const AUTHOR_NOT_OF_DEVICE: Rule = Rule::named("author.not-of-device");

/// What is known at MAIL.
#[derive(Debug, Clone, Copy)]
pub struct SenderFacts<'a> {
    /// The listener's purpose.
    pub service: Service,
    /// Who is behind the transaction: [`crate::peer::identify`].
    pub peer: &'a Peer,
    /// The sender it names.
    pub reverse_path: &'a ReversePath,
    /// Whether the account may send as the reverse-path. Looked at for accounts with a sender that is not null.
    pub owns: &'a Fact<bool>,
    /// The device of the account that has logged in, as of now.
    pub device: &'a Fact<Device>,
}

/// Says whether a transaction with this sender may begin (RFC 6409 section 6.1, RFC 5321 section 3.3).
///
/// On `Mx` anyone may send as anyone, the null sender included: what counts there is the recipient.
pub fn sender(facts: &SenderFacts<'_>, rules: &Rules) -> Verdict<Decision> {
    match (facts.service, facts.peer) {
        (Service::Mx, _) => Verdict::permit(FROM_ANYONE, "other servers bring mail of anyone"),
        (Service::Submission, Peer::Anonymous) => {
            Verdict::refuse(LOGIN_FIRST, table::AUTH_FIRST, "nobody has logged in")
        }
        (Service::Submission, Peer::Account(name)) => {
            device_sender(facts).unwrap_or_else(|| account_sender(name, facts))
        }
        (Service::Submission, Peer::Machine(name)) => machine_sender(name, facts.reverse_path, rules),
    }
}

/// What a device may not do though its account may. A list leaves the null sender out, as with machines.
fn device_sender(facts: &SenderFacts<'_>) -> Option<Verdict<Decision>> {
    let path = facts.reverse_path;
    match facts.device {
        Fact::Known(Device::None) => None,
        Fact::Known(Device::Gone) => {
            let because = "the device that has logged in is there no more";
            Some(Verdict::refuse(DEVICE_GONE, table::DEVICE_GONE, because))
        }
        Fact::Known(device @ Device::Named { label, .. }) => {
            let may = path.mailbox().map_or(device.is_free(), |mailbox| device.may_use(mailbox));
            let because = format!("{path} is not in the list of device {label}");
            (!may).then(|| Verdict::refuse(NOT_OF_DEVICE, table::NOT_OF_DEVICE, because))
        }
        Fact::Unknown(why) => Some(Verdict::defer(UNKNOWN, table::UNKNOWN_FOR_NOW, why.clone())),
    }
}

fn account_sender(name: &str, facts: &SenderFacts<'_>) -> Verdict<Decision> {
    let mailbox = match facts.reverse_path {
        ReversePath::Null => return Verdict::permit(NULL, format!("account {name} sends a report")),
        ReversePath::Mailbox(mailbox) => mailbox,
    };
    match facts.owns {
        Fact::Known(true) => Verdict::permit(OWNED, format!("account {name} owns {mailbox}")),
        Fact::Known(false) => {
            let because = format!("account {name} does not own {mailbox}");
            Verdict::refuse(NOT_OWNED, table::NOT_YOUR_SENDER, because)
        }
        Fact::Unknown(why) => Verdict::defer(UNKNOWN, table::UNKNOWN_FOR_NOW, why.clone()),
    }
}

/// The null sender is refused too: it is in no list, and reports that a printer writes help nobody.
fn machine_sender(name: &str, reverse_path: &ReversePath, rules: &Rules) -> Verdict<Decision> {
    match reverse_path.mailbox() {
        Some(mailbox) if machine_may_use(name, mailbox, rules) => {
            Verdict::permit(OF_MACHINE, format!("machine {name} may use {mailbox}"))
        }
        Some(_) | None => {
            let because = format!("{reverse_path} is not in the list of machine {name}");
            Verdict::refuse(NOT_OF_MACHINE, table::NOT_YOUR_SENDER, because)
        }
    }
}

fn machine_may_use(name: &str, mailbox: &Mailbox, rules: &Rules) -> bool {
    rules.machines.iter().any(|machine| machine.name == name && includes(&machine.senders, mailbox))
}

/// What is known when the header section has been read.
#[derive(Debug, Clone, Copy)]
pub struct AuthorFacts<'a> {
    /// The listener's purpose.
    pub service: Service,
    /// Who is behind the transaction.
    pub peer: &'a Peer,
    /// The From field.
    pub from: &'a AddressField,
    /// The Sender field.
    pub sender: &'a AddressField,
    /// The first of [`authors`] that the account may not send as, if any. Looked at for accounts.
    pub foreign: &'a Fact<Option<Mailbox>>,
    /// The device of the account that has logged in, as it was at MAIL.
    pub device: &'a Device,
}

/// The mailboxes in From and Sender: those for which the directory must be asked.
#[must_use]
pub fn authors<'a>(from: &'a AddressField, sender: &'a AddressField) -> Vec<&'a Mailbox> {
    from.mailboxes().iter().chain(sender.mailboxes()).collect()
}

/// Says whether content with these authors may be handed in (RFC 6409 section 8.1, RFC 5322 section 3.6.2).
///
/// From must be there once, be readable and name somebody; Sender may be absent. An author that nobody can
/// read might be shown to people as anyone, so it is refused. On `Mx` nothing is asked.
pub fn author(facts: &AuthorFacts<'_>, rules: &Rules) -> Verdict<Decision> {
    match (facts.service, facts.peer) {
        (Service::Mx, _) => Verdict::permit(AUTHOR_ANYONE, "other servers bring mail of anyone"),
        (Service::Submission, Peer::Anonymous) => {
            Verdict::refuse(AUTHOR_LOGIN_FIRST, table::AUTH_FIRST, "nobody has logged in")
        }
        (Service::Submission, Peer::Account(name)) => {
            let refusal = unreadable(facts).or_else(|| device_author(facts));
            refusal.unwrap_or_else(|| account_author(name, facts))
        }
        (Service::Submission, Peer::Machine(name)) => {
            unreadable(facts).unwrap_or_else(|| machine_author(name, facts, rules))
        }
    }
}

fn unreadable(facts: &AuthorFacts<'_>) -> Option<Verdict<Decision>> {
    let because = match (facts.from, facts.sender) {
        (AddressField::Missing, _) => "there is no From field",
        (AddressField::Repeated, _) => "there are several From fields",
        (AddressField::Unreadable, _) => "the From field cannot be read",
        (AddressField::Mailboxes(named), _) if named.is_empty() => "the From field names nobody",
        (AddressField::Mailboxes(_), AddressField::Repeated) => "there are several Sender fields",
        (AddressField::Mailboxes(_), AddressField::Unreadable) => "the Sender field cannot be read",
        (AddressField::Mailboxes(_), AddressField::Missing | AddressField::Mailboxes(_)) => return None,
    };
    Some(Verdict::refuse(AUTHOR_UNREADABLE, table::BAD_HEADERS, because))
}

fn device_author(facts: &AuthorFacts<'_>) -> Option<Verdict<Decision>> {
    let Device::Named { label, .. } = facts.device else { return None };
    let named = authors(facts.from, facts.sender);
    let foreign = named.into_iter().find(|mailbox| !facts.device.may_use(mailbox))?;
    let because = format!("{foreign} is not in the list of device {label}");
    Some(Verdict::refuse(AUTHOR_NOT_OF_DEVICE, table::NOT_YOUR_AUTHOR, because))
}

fn account_author(name: &str, facts: &AuthorFacts<'_>) -> Verdict<Decision> {
    match facts.foreign {
        Fact::Known(None) => Verdict::permit(AUTHOR_OWNED, format!("account {name} owns all authors")),
        Fact::Known(Some(mailbox)) => {
            let because = format!("account {name} does not own {mailbox}");
            Verdict::refuse(AUTHOR_NOT_OWNED, table::NOT_YOUR_AUTHOR, because)
        }
        Fact::Unknown(why) => Verdict::defer(AUTHOR_UNKNOWN, table::UNKNOWN_FOR_NOW, why.clone()),
    }
}

fn machine_author(name: &str, facts: &AuthorFacts<'_>, rules: &Rules) -> Verdict<Decision> {
    let named = authors(facts.from, facts.sender);
    match named.into_iter().find(|mailbox| !machine_may_use(name, mailbox, rules)) {
        None => Verdict::permit(AUTHOR_OF_MACHINE, format!("machine {name} may use all authors")),
        Some(mailbox) => {
            let because = format!("{mailbox} is not in the list of machine {name}");
            Verdict::refuse(AUTHOR_NOT_OF_MACHINE, table::NOT_YOUR_AUTHOR, because)
        }
    }
}
