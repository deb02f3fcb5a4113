//! The domains of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use gatepost_mail::{Domain, Mailbox};
use gatepost_policy::rules::{Destination, HostedDomain, RecipientRule};

use super::{Resolving, own_listener};
use crate::config::fault::Fault;
use crate::config::options::DomainOptions;
use crate::config::read::Setting;
use crate::config::values::RecipientsChoice;

/// Longest file of recipients.
const LONGEST_LIST: u64 = 64 << 20;

pub(super) fn resolve(resolving: &mut Resolving<'_>) -> BTreeMap<Domain, HostedDomain> {
    let mut hosted: BTreeMap<Domain, HostedDomain> = BTreeMap::new();
    let options = resolving.options;
    for (name, domain) in &options.domain.entries {
        check_destination(resolving, name, domain);
        check_sharing(resolving, name, domain);
        let rules = HostedDomain {
            deliver: destination(resolving, domain),
            recipients: recipients(resolving, name, domain),
            postmaster: domain.postmaster.as_ref().map(|postmaster| postmaster.value.clone()),
        };
        if hosted.insert(name.value.clone(), rules).is_some() {
            resolving.note(
                Fault::error(format!("the domain {} is written twice", name.value))
                    .at(name.place.clone(), "in another spelling")
                    .mend("remove one of them"),
            );
        }
    }
    hosted
}

fn destination(resolving: &Resolving<'_>, domain: &DomainOptions) -> Destination {
    match &domain.deliver.value.0 {
        Destination::Maildir(path) => Destination::Maildir(resolving.path(path)),
        Destination::Lmtp(endpoint) => Destination::Lmtp(endpoint.clone()),
        Destination::Smtp(endpoint) => Destination::Smtp(endpoint.clone()),
    }
}

fn check_destination(resolving: &mut Resolving<'_>, name: &Setting<Domain>, domain: &DomainOptions) {
    let place = domain.deliver.place.clone();
    match &domain.deliver.value.0 {
        Destination::Maildir(path) if !holds(path, "{local-part}") => resolving.note(
            Fault::error(format!("all mailboxes of {} would be one folder", name.value))
                .at(place, "without {local-part}")
                .mend(format!("write \"maildir:{}/{{local-part}}\"", path.display())),
        ),
        Destination::Maildir(_) => {}
        Destination::Lmtp(endpoint) | Destination::Smtp(endpoint) => {
            let Some(own) = own_listener(resolving.options, endpoint).map(str::to_owned) else { return };
            resolving.note(
                Fault::error(format!("mail for {} would come back to ourselves", name.value))
                    .at(place, format!("this is our own [listener.{own}]"))
                    .mend("name the server behind us, or deliver to a Maildir"),
            );
        }
    }
}

/// Two domains may share their mailboxes, but seldom mean to.
fn check_sharing(resolving: &mut Resolving<'_>, name: &Setting<Domain>, domain: &DomainOptions) {
    let Destination::Maildir(path) = &domain.deliver.value.0 else { return };
    let earlier = resolving
        .options
        .domain
        .entries
        .iter()
        .take_while(|(other, _)| other.place != name.place)
        .find(|(_, other)| other.deliver.value == domain.deliver.value);
    let Some((other, first)) = earlier else { return };
    if holds(path, "{domain}") {
        return;
    }
    let fault = Fault::warning(format!("{} and {} share their mailboxes", other.value, name.value))
        .at(domain.deliver.place.clone(), "without {domain}")
        .against(first.deliver.place.clone(), "the same path")
        .mend("put {domain} into the path, unless this is meant");
    resolving.note(fault);
}

fn holds(path: &Path, placeholder: &str) -> bool {
    path.to_string_lossy().contains(placeholder)
}

fn recipients(
    resolving: &mut Resolving<'_>,
    name: &Setting<Domain>,
    domain: &DomainOptions,
) -> RecipientRule {
    let Some(choice) = &domain.recipients else {
        return match domain.deliver.value.0 {
            Destination::Maildir(_) | Destination::Lmtp(_) => RecipientRule::Known,
            Destination::Smtp(_) => RecipientRule::Any,
        };
    };
    match (&choice.value, &domain.deliver.value.0) {
        (RecipientsChoice::Known, _) => RecipientRule::Known,
        (RecipientsChoice::Listed(path), _) => {
            listed(resolving, name, &Setting { value: path.as_path(), place: choice.place.clone() })
        }
        (RecipientsChoice::Any, Destination::Lmtp(_) | Destination::Smtp(_)) => RecipientRule::Any,
        (RecipientsChoice::Any, Destination::Maildir(_)) => {
            resolving.note(
                Fault::error(format!("any stranger could make mailboxes of {}", name.value))
                    .at(choice.place.clone(), "every address would exist")
                    .against(domain.deliver.place.clone(), "and get a folder here")
                    .mend("write `recipients = \"known\"`, or list them: \"file:/path\""),
            );
            RecipientRule::Any
        }
    }
}

/// Reads the file of recipients: one address a line, `#` begins a comment.
fn listed(resolving: &mut Resolving<'_>, domain: &Setting<Domain>, file: &Setting<&Path>) -> RecipientRule {
    let path = resolving.path(file.value);
    let mut addresses = BTreeSet::new();
    let wrong = |label: String| {
        Fault::error(format!("the recipients of {} cannot be read from {}", domain.value, path.display()))
            .at(file.place.clone(), label)
    };
    let text = match read_limited(&path) {
        Ok(text) => text,
        Err(cause) => {
            resolving.note(wrong(cause.to_string()).mend("make the file: one address a line"));
            return RecipientRule::Listed(addresses);
        }
    };
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        match Mailbox::parse(line) {
            Ok(mailbox) if mailbox.domain() == Some(&domain.value) => {
                addresses.insert(mailbox.folded());
            }
            Ok(_) => {
                let label = format!("its line {} names another domain", index + 1);
                resolving.note(wrong(label).mend("keep the addresses of this domain only"));
            }
            Err(_) if line.is_empty() => {}
            Err(cause) => {
                let label = format!("its line {}: {cause}", index + 1);
                resolving.note(wrong(label).mend("write one address a line; # begins a comment"));
            }
        }
    }
    RecipientRule::Listed(addresses)
}

fn read_limited(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = std::fs::File::open(path)?.take(LONGEST_LIST + 1).read_to_string(&mut text)?;
    if read as u64 > LONGEST_LIST {
        return Err(std::io::Error::other("the file is longer than 64 MiB"));
    }
    Ok(text)
}
