//! The lists of mechanisms: the general one, those of listeners, and those of client networks.

use std::collections::{BTreeMap, BTreeSet};

use gatepost_policy::rules::{Network, Service};
use gatepost_sasl::Mechanism;

use super::Resolving;
use crate::config::fault::Fault;
use crate::config::options::{ListenerOptions, Options, SourceOptions};
use crate::config::read::{Listed, Setting};
use crate::config::values::Word;

/// What a kind of source can serve. Whether it does for an account is another question: `gatepost account show` answers it.
fn serves(source: &SourceOptions, mechanism: Mechanism) -> bool {
    match source {
        SourceOptions::Embedded(_) => embedded_serves(mechanism),
        SourceOptions::Sql(_) => embedded_serves(mechanism) && !by_other_than_a_password(mechanism),
        SourceOptions::Ldap(_) | SourceOptions::Pam(_) => {
            matches!(mechanism, Mechanism::Plain | Mechanism::Login)
        }
        SourceOptions::Kerberos(_) => mechanism == Mechanism::Gssapi,
        // What passes through, where it comes first. What it offers in the end is its own affair.
        SourceOptions::Dovecot(_) => {
            let own = matches!(mechanism, Mechanism::External | Mechanism::Oauth10a | Mechanism::Md5);
            !own && !mechanism.needs_channel_binding()
        }
        SourceOptions::Oauth(_) => matches!(mechanism, Mechanism::Oauthbearer | Mechanism::Xoauth2),
    }
}

fn by_other_than_a_password(mechanism: Mechanism) -> bool {
    matches!(mechanism, Mechanism::External | Mechanism::Oauth10a)
}

fn embedded_serves(mechanism: Mechanism) -> bool {
    !matches!(mechanism, Mechanism::Oauthbearer | Mechanism::Xoauth2 | Mechanism::Gssapi)
}

/// What the sources serve together; without any, there is the embedded one.
pub(super) fn served(options: &Options) -> BTreeSet<Mechanism> {
    let sources = &options.auth.source.entries;
    let by_any = |mechanism: &Mechanism| {
        let none = sources.is_empty() && embedded_serves(*mechanism);
        none || sources.iter().any(|(_, source)| serves(source, *mechanism))
    };
    Mechanism::ALL.into_iter().filter(by_any).collect()
}

/// The mechanisms of a list.
pub(super) fn values(list: &Listed<Mechanism>) -> Vec<Mechanism> {
    list.items.iter().map(|mechanism| mechanism.value).collect()
}

/// The lists that listeners have of their own.
pub(super) fn of_listeners(options: &Options) -> BTreeMap<String, Vec<Mechanism>> {
    let own = |(name, listener): &(Setting<Word>, ListenerOptions)| {
        Some((name.value.0.clone(), values(listener.mechanisms.as_ref()?)))
    };
    options.listener.entries.iter().filter_map(own).collect()
}

/// The lists for clients of a network.
pub(super) fn of_networks(options: &Options) -> Vec<(Network, Vec<Mechanism>)> {
    let entries = &options.auth.network.entries;
    entries.iter().map(|(network, it)| (network.value, values(&it.mechanisms))).collect()
}

/// Every list that is written, or the default.
pub(super) fn lists(options: &Options) -> impl Iterator<Item = &Listed<Mechanism>> {
    let of_listeners = options.listener.entries.iter().filter_map(|(_, it)| it.mechanisms.as_ref());
    let of_networks = options.auth.network.entries.iter().map(|(_, it)| &it.mechanisms);
    std::iter::once(&options.auth.mechanisms).chain(of_listeners).chain(of_networks)
}

/// Whether any list names it.
pub(super) fn named(options: &Options, wanted: impl Fn(Mechanism) -> bool) -> bool {
    lists(options).any(|list| list.items.iter().any(|mechanism| wanted(mechanism.value)))
}

pub(super) fn check(resolving: &mut Resolving<'_>) {
    let options = resolving.options;
    let served = served(options);
    check_empty(resolving);
    for list in lists(options) {
        check_twice(resolving, list);
        for mechanism in &list.items {
            check_served(resolving, list, mechanism, &served);
            check_weakness(resolving, list, mechanism);
        }
        let bare = |mechanism: &Setting<Mechanism>| shows_or_weak(mechanism.value);
        if !list.items.is_empty() && list.items.iter().all(bare) {
            resolving.note(
                Fault::warning("every mechanism shows the password to whoever the client takes for us")
                    .at(list.place.clone(), "no SCRAM")
                    .mend("add \"SCRAM-SHA-256\""),
            );
        }
    }
    check_mx(resolving);
    check_external(resolving);
}

/// Whether a false server learns the password from it, or can guess it quickly.
fn shows_or_weak(mechanism: Mechanism) -> bool {
    matches!(mechanism, Mechanism::Plain | Mechanism::Login) || weakness(mechanism).is_some()
}

fn check_empty(resolving: &mut Resolving<'_>) {
    let options = resolving.options;
    let submission = options.listener.entries.iter().find(|(_, it)| it.role.value == Service::Submission);
    let Some((name, listener)) = submission else { return };
    let list = listener.mechanisms.as_ref().unwrap_or(&options.auth.mechanisms);
    if list.items.is_empty() {
        resolving.note(
            Fault::error(format!("nobody can log in at [listener.{}]", name.value.0))
                .at(list.place.clone(), "no mechanism")
                .mend("remove the line: the default is safe, and every client speaks one of it"),
        );
    }
}

fn check_twice(resolving: &mut Resolving<'_>, list: &Listed<Mechanism>) {
    for (index, mechanism) in list.items.iter().enumerate() {
        let mut earlier = list.items.iter().take(index);
        if let Some(first) = earlier.find(|first| first.value == mechanism.value) {
            resolving.note(
                Fault::error(format!("{} is written twice", mechanism.value.name()))
                    .at(mechanism.place.clone(), "again")
                    .against(first.place.clone(), "first here")
                    .mend("remove one of them"),
            );
        }
    }
}

/// The default list names what is good where there is a source for it; a list that somebody wrote means what it says.
fn check_served(
    resolving: &mut Resolving<'_>,
    list: &Listed<Mechanism>,
    mechanism: &Setting<Mechanism>,
    served: &BTreeSet<Mechanism>,
) {
    if list.place.is_none() || served.contains(&mechanism.value) {
        return;
    }
    let kind = if matches!(mechanism.value, Mechanism::Oauthbearer | Mechanism::Xoauth2) {
        "oauth"
    } else if mechanism.value == Mechanism::Gssapi {
        "kerberos"
    } else {
        "embedded"
    };
    resolving.note(
        Fault::error(format!("no source of accounts can serve {}", mechanism.value.name()))
            .at(mechanism.place.clone(), "nobody could ever log in with it")
            .mend(format!("add `[auth.source.NAME]` with `kind = \"{kind}\"`, or remove it")),
    );
}

/// What is wrong with a mechanism, and what to do instead.
fn weakness(mechanism: Mechanism) -> Option<(&'static str, &'static str)> {
    match mechanism {
        Mechanism::CramMd5 => Some((
            "an onlooker can guess passwords quickly",
            "remove it, unless a device speaks nothing else; only accounts that opted in can use it",
        )),
        Mechanism::Md5 => Some((
            "no standard has this name: it runs CRAM-MD5 under it",
            "write \"CRAM-MD5\", unless a device asks for MD5 by name",
        )),
        Mechanism::DigestMd5 => Some((
            "an onlooker can guess passwords quickly, and what is stored for it is as good as the password (RFC 6331)",
            "remove it: SCRAM took its place; only accounts that opted in can use it",
        )),
        Mechanism::Ntlm => Some((
            "it is built on MD4, and what is stored for it is as good as the password",
            "remove it, unless a device speaks nothing else; only accounts that opted in can use it",
        )),
        Mechanism::Oauth10a => Some((
            "no mail program in wide use speaks it, and its secrets are kept themselves, not as hashes",
            "write \"OAUTHBEARER\", unless an old program needs it",
        )),
        Mechanism::Login
        | Mechanism::Plain
        | Mechanism::Xoauth2
        | Mechanism::Oauthbearer
        | Mechanism::ScramSha1
        | Mechanism::ScramSha256
        | Mechanism::ScramSha512
        | Mechanism::Gssapi
        | Mechanism::ScramSha1Plus
        | Mechanism::ScramSha256Plus
        | Mechanism::ScramSha512Plus
        | Mechanism::External => None,
    }
}

fn check_weakness(resolving: &mut Resolving<'_>, list: &Listed<Mechanism>, mechanism: &Setting<Mechanism>) {
    if list.place.is_none() {
        return;
    }
    if let Some((why, instead)) = weakness(mechanism.value) {
        resolving.note(
            Fault::warning(format!("{} is weak", mechanism.value.name()))
                .at(mechanism.place.clone(), why)
                .mend(instead),
        );
    }
}

fn check_mx(resolving: &mut Resolving<'_>) {
    let options = resolving.options;
    for (name, listener) in &options.listener.entries {
        let Some(list) = &listener.mechanisms else { continue };
        if listener.role.value == Service::Mx {
            resolving.note(
                Fault::error(format!("nobody logs in at [listener.{}]", name.value.0))
                    .at(list.place.clone(), "mechanisms for nobody")
                    .against(listener.role.place.clone(), "AUTH is not offered to other servers")
                    .mend("remove the line, or write `role = \"submission\"`"),
            );
        }
    }
}

fn check_external(resolving: &mut Resolving<'_>) {
    let options = resolving.options;
    let authorities = options.tls.as_ref().and_then(|tls| tls.client_authorities.as_ref());
    let Some(authorities) = authorities else { return };
    if !named(options, |mechanism| mechanism == Mechanism::External) {
        resolving.note(
            Fault::warning("`tls.client-authorities` has no effect: no client is asked for a certificate")
                .at(authorities.place.clone(), "nobody looks at these")
                .mend("name \"EXTERNAL\" in `mechanisms` of a listener or of [auth]"),
        );
    }
}
