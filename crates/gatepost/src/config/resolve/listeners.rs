//! Where we listen, and whether anyone can log in there.

use std::net::SocketAddr;

use gatepost_mta::settings::{ListenerSettings, ListenerTls};
use gatepost_policy::rules::{PlaintextWithoutTls, Service};
use gatepost_sasl::Mechanism;

use super::{Resolving, is_loopback};
use crate::config::fault::Fault;
use crate::config::options::ListenerOptions;
use crate::config::read::Setting;
use crate::config::values::{Bind, Word};

pub(super) fn resolve(resolving: &mut Resolving<'_>) -> Vec<ListenerSettings> {
    let options = resolving.options;
    let entries = &options.listener.entries;
    for (name, listener) in entries {
        check_addresses(resolving, name, listener);
        check_tls(resolving, name, listener);
        check_logins(resolving, name, listener);
    }
    check_overlaps(resolving);
    check_purpose(resolving);
    entries
        .iter()
        .map(|(name, listener)| ListenerSettings {
            name: name.value.0.clone(),
            bind: listener.bind.items.iter().map(|bind| bind.value.0).collect(),
            service: listener.role.value,
            tls: listener.tls.value,
        })
        .collect()
}

fn check_addresses(resolving: &mut Resolving<'_>, name: &Setting<Word>, listener: &ListenerOptions) {
    let name = &name.value.0;
    if listener.bind.items.is_empty() {
        resolving.note(
            Fault::error(format!("[listener.{name}] has no address"))
                .at(listener.bind.place.clone(), "empty")
                .mend("add an address, or remove the listener"),
        );
    }
    if listener.tls.value != ListenerTls::Off {
        return;
    }
    for bind in listener.bind.items.iter().filter(|bind| !is_loopback(bind.value.0.ip())) {
        resolving.note(
            Fault::error(format!("[listener.{name}] is open to the network without TLS"))
                .at(bind.place.clone(), "not a loopback address")
                .against(listener.tls.place.clone(), "TLS is off")
                .mend("write `tls = \"starttls\"`, or bind 127.0.0.1 and [::1] only"),
        );
    }
}

fn check_tls(resolving: &mut Resolving<'_>, name: &Setting<Word>, listener: &ListenerOptions) {
    if has_certificate(resolving) {
        return;
    }
    let name = &name.value.0;
    let mend =
        "add `[tls]` with `certificate` and `private-key`, or bind loopback only and write `tls = \"off\"`";
    let place = listener.tls.place.clone().or_else(|| listener.place.clone());
    match (listener.tls.value, listener.role.value) {
        (ListenerTls::Off, Service::Mx | Service::Submission) => {}
        (ListenerTls::StartTls, Service::Mx) => resolving.note(
            Fault::warning(format!("[listener.{name}] takes mail in the clear: there is no certificate"))
                .at(place, "STARTTLS is not offered")
                .mend("add `[tls]` with `certificate` and `private-key`"),
        ),
        (ListenerTls::StartTls, Service::Submission) => resolving.note(
            Fault::error(format!("[listener.{name}] needs a certificate for STARTTLS"))
                .at(place, "and there is no [tls]")
                .mend(mend),
        ),
        (ListenerTls::Implicit, Service::Mx | Service::Submission) => resolving.note(
            Fault::error(format!("[listener.{name}] needs a certificate for implicit TLS"))
                .at(place, "and there is no [tls]")
                .mend(mend),
        ),
    }
}

/// A half-written or not yet possible [tls] has its own error; one is enough.
fn has_certificate(resolving: &Resolving<'_>) -> bool {
    resolving.options.tls.as_ref().is_some_and(|tls| tls.certificate.is_some() || tls.private_key.is_some())
}

fn check_logins(resolving: &mut Resolving<'_>, name: &Setting<Word>, listener: &ListenerOptions) {
    let auth = &resolving.options.auth;
    let allowed = auth.allow_plaintext_without_tls.value == PlaintextWithoutTls::Allowed;
    let clear = listener.tls.value == ListenerTls::Off;
    let list = listener.mechanisms.as_ref().unwrap_or(&auth.mechanisms);
    let usable = list.items.iter().any(|mechanism| {
        let mechanism = mechanism.value;
        !clear
            || !mechanism.needs_tls()
            || allowed && matches!(mechanism, Mechanism::Plain | Mechanism::Login)
    });
    if usable || listener.role.value != Service::Submission || list.items.is_empty() {
        return;
    }
    resolving.note(
        Fault::error(format!("nobody can log in at [listener.{}]", name.value.0))
            .at(listener.tls.place.clone(), "without TLS, none of the mechanisms may be used")
            .against(list.place.clone(), "each of these needs TLS")
            .mend("add \"SCRAM-SHA-256\" to the mechanisms, or use TLS"),
    );
}

fn check_overlaps(resolving: &mut Resolving<'_>) {
    let entries = &resolving.options.listener.entries;
    let all: Vec<(&str, &Setting<Bind>)> = entries
        .iter()
        .flat_map(|(name, listener)| {
            listener.bind.items.iter().map(move |bind| (name.value.0.as_str(), bind))
        })
        .collect();
    let mut faults = Vec::new();
    for (index, (name, bind)) in all.iter().enumerate() {
        let earlier = all.iter().take(index).find(|(_, other)| overlap(other.value.0, bind.value.0));
        if let Some((other, first)) = earlier {
            faults.push(
                Fault::error(format!("{} is bound twice", bind.value.0))
                    .at(bind.place.clone(), format!("by [listener.{name}]"))
                    .against(first.place.clone(), format!("by [listener.{other}]"))
                    .mend("remove one of them, or give it another port"),
            );
        }
    }
    faults.into_iter().for_each(|fault| resolving.note(fault));
}

/// Whether two addresses cannot both be bound.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let same_family = one.is_ipv4() == other.is_ipv4();
    let same_address = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.port() != 0 && same_family && same_address
}

fn check_purpose(resolving: &mut Resolving<'_>) {
    if resolving.faults.have_errors() {
        // A section that could not be read may be the very one that seems to be missing.
        return;
    }
    let options = resolving.options;
    let mut mx = options.listener.entries.iter().filter(|(_, listener)| listener.role.value == Service::Mx);
    if options.listener.entries.is_empty() {
        resolving.note(
            Fault::warning("no listener: no mail comes in")
                .mend("add `[listener.submission]` with `bind` and `role = \"submission\"`"),
        );
    } else if let (Some((name, listener)), true) = (mx.next(), options.domain.entries.is_empty()) {
        resolving.note(
            Fault::warning(format!("[listener.{}] refuses all mail: no domain is ours", name.value.0))
                .at(listener.place.clone(), "for mail from other servers")
                .mend("add `[domain.\"example.org\"]` with `deliver`, or remove the listener"),
        );
    }
}
