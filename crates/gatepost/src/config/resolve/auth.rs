//! Logging in.

use gatepost_policy::rules::{AuthRules, PlaintextWithoutTls, Service};
use gatepost_sasl::{Mechanism, Strength};

use super::Resolving;
use crate::config::fault::Fault;
use crate::config::values::Wait;

pub(super) fn resolve(resolving: &mut Resolving<'_>) -> AuthRules {
    check_mechanisms(resolving);
    let auth = &resolving.options.auth;
    if auth.allow_plaintext_without_tls.value == PlaintextWithoutTls::Allowed {
        resolving.note(
            Fault::warning("passwords may cross the network in the clear")
                .at(auth.allow_plaintext_without_tls.place.clone(), "PLAIN and LOGIN without TLS")
                .mend("remove the line; SCRAM needs no TLS to keep a password secret"),
        );
    }
    if auth.lockout.value < Wait(std::time::Duration::from_secs(1)) {
        resolving.note(
            Fault::error("a lockout of no time lets everybody guess passwords")
                .at(auth.lockout.place.clone(), "no time")
                .mend("write \"15m\""),
        );
    }
    AuthRules {
        mechanisms: auth.mechanisms.items.iter().map(|mechanism| mechanism.value).collect(),
        plaintext_without_tls: auth.allow_plaintext_without_tls.value,
        failures_before_lockout: auth.failures_before_lockout.value,
        lockout: auth.lockout.value.0,
    }
}

fn check_mechanisms(resolving: &mut Resolving<'_>) {
    let options = resolving.options;
    let mechanisms = &options.auth.mechanisms;
    let submission = options.listener.entries.iter().find(|(_, it)| it.role.value == Service::Submission);
    if let (true, Some((name, _))) = (mechanisms.items.is_empty(), submission) {
        resolving.note(
            Fault::error(format!("nobody can log in at [listener.{}]", name.value.0))
                .at(mechanisms.place.clone(), "no mechanism")
                .mend("remove the line: the default is safe, and every client speaks one of it"),
        );
    }
    for (index, mechanism) in mechanisms.items.iter().enumerate() {
        let earlier = mechanisms.items.iter().take(index);
        if let Some(first) = earlier.clone().find(|first| first.value == mechanism.value) {
            resolving.note(
                Fault::error(format!("{} is written twice", mechanism.value.name()))
                    .at(mechanism.place.clone(), "again")
                    .against(first.place.clone(), "first here")
                    .mend("remove one of them"),
            );
        }
        if mechanism.value.strength() == Strength::Challenge {
            resolving.note(
                Fault::warning(format!("{} is weak", mechanism.value.name()))
                    .at(mechanism.place.clone(), "an onlooker can guess passwords quickly")
                    .mend("remove it, unless a device speaks nothing else; only accounts that opted in can use it"),
            );
        }
    }
    let scram = |mechanism: &Mechanism| mechanism.scram_hash().is_some();
    if !mechanisms.items.is_empty() && !mechanisms.items.iter().any(|it| scram(&it.value)) {
        resolving.note(
            Fault::warning("every mechanism shows the password to whoever the client takes for us")
                .at(mechanisms.place.clone(), "no SCRAM")
                .mend("add \"SCRAM-SHA-256\""),
        );
    }
}
