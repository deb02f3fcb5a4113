//! Logging in.

use std::time::Duration;

use gatepost_mail::Domain;
use gatepost_policy::rules::{AuthRules, PlaintextWithoutTls, Ratchet};
use gatepost_sasl::{Mechanism, NtlmVersions, OauthHelp};

use super::{Resolving, mechanisms};
use crate::config::fault::Fault;
use crate::config::options::{Options, SourceOptions};
use crate::config::values::Wait;

/// Longest delay that a mail program's user bears.
const TARPIT_SENSIBLE: Duration = Duration::from_secs(30);

/// Decides about logins. DIGEST-MD5's realm is the hostname unless another is written.
pub(super) fn resolve(resolving: &mut Resolving<'_>, hostname: Option<&Domain>) -> AuthRules {
    mechanisms::check(resolving);
    check_tarpit(resolving);
    check_ratchet(resolving);
    check_ntlm(resolving);
    let auth = &resolving.options.auth;
    if auth.allow_plaintext_without_tls.value == PlaintextWithoutTls::Allowed {
        resolving.note(
            Fault::warning("passwords may cross the network in the clear")
                .at(auth.allow_plaintext_without_tls.place.clone(), "PLAIN and LOGIN without TLS")
                .mend("remove the line; SCRAM needs no TLS to keep a password secret"),
        );
    }
    if auth.lockout.value < Wait(Duration::from_secs(1)) {
        resolving.note(
            Fault::error("a lockout of no time lets everybody guess passwords")
                .at(auth.lockout.place.clone(), "no time")
                .mend("write \"15m\""),
        );
    }
    AuthRules {
        mechanisms: mechanisms::values(&auth.mechanisms),
        listeners: mechanisms::of_listeners(resolving.options),
        networks: mechanisms::of_networks(resolving.options),
        served: mechanisms::served(resolving.options),
        realm: match (&auth.realm, hostname) {
            (Some(realm), _) => realm.value.clone(),
            (None, hostname) => hostname.map_or_else(String::new, |name| name.ascii().to_owned()),
        },
        ntlm: auth.ntlm_v1.value,
        oauth_help: oauth_help(resolving.options),
        plaintext_without_tls: auth.allow_plaintext_without_tls.value,
        failures_before_lockout: auth.failures_before_lockout.value,
        lockout: auth.lockout.value.0,
        tarpit: auth.tarpit.value.0,
        ratchet: auth.ratchet.value,
    }
}

/// Clients are told of the first issuer: they can be told of one only.
fn oauth_help(options: &Options) -> OauthHelp {
    let issuer = options.auth.source.entries.iter().find_map(|(_, source)| match source {
        SourceOptions::Oauth(oauth) => Some(oauth),
        SourceOptions::Embedded(_)
        | SourceOptions::Sql(_)
        | SourceOptions::Ldap(_)
        | SourceOptions::Dovecot(_)
        | SourceOptions::Pam(_)
        | SourceOptions::Kerberos(_) => None,
    });
    let Some(oauth) = issuer else { return OauthHelp::default() };
    let root = &oauth.issuer.value.0;
    OauthHelp {
        scope: oauth.scope.as_ref().map(|scope| scope.value.clone()),
        openid_configuration: Some(format!(
            "{}/.well-known/openid-configuration",
            root.trim_end_matches('/')
        )),
    }
}

fn check_tarpit(resolving: &mut Resolving<'_>) {
    let tarpit = &resolving.options.auth.tarpit;
    if tarpit.value > Wait(TARPIT_SENSIBLE) {
        resolving.note(
            Fault::warning("people who mistype wait longer than their mail programs do")
                .at(tarpit.place.clone(), "more than half a minute")
                .mend("write \"10s\""),
        );
    }
}

fn check_ratchet(resolving: &mut Resolving<'_>) {
    let options = resolving.options;
    let ratchet = &options.auth.ratchet;
    let bound = |mechanism: Mechanism| mechanism.needs_channel_binding();
    if ratchet.value == Ratchet::On && !mechanisms::named(options, bound) {
        resolving.note(
            Fault::warning("the ratchet never takes hold: no mechanism binds a login to its TLS channel")
                .at(ratchet.place.clone(), "nothing to hold on to")
                .against(options.auth.mechanisms.place.clone(), "none with -PLUS")
                .mend("add \"SCRAM-SHA-256-PLUS\""),
        );
    }
}

fn check_ntlm(resolving: &mut Resolving<'_>) {
    let options = resolving.options;
    let ntlm = &options.auth.ntlm_v1;
    if ntlm.value == NtlmVersions::Two {
        return;
    }
    let fault = if mechanisms::named(options, |mechanism| mechanism == Mechanism::Ntlm) {
        Fault::warning("NTLMv1 is broken: who sees one login can compute what is as good as the password")
            .at(ntlm.place.clone(), "taken here")
            .mend("remove the line, and set the device to NTLMv2; or give the device a password of its own")
    } else {
        Fault::warning("`auth.ntlm-v1` has no effect: NTLM is not offered")
            .at(ntlm.place.clone(), "of a mechanism that nobody can use")
            .mend("remove the line")
    };
    resolving.note(fault);
}
