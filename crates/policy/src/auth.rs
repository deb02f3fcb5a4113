//! Which mechanisms are offered, who may try one, and what a login that was proved may be used for.

mod grant;
mod names;

use std::cmp::Reverse;
use std::net::IpAddr;
use std::time::Duration;

use gatepost_mail::reply::table;
use gatepost_sasl::Mechanism;

pub use grant::{DeviceFacts, GrantFacts, grant};
pub use names::{asks_for_certificate, login_name, unknown};

use crate::Rules;
use crate::rules::{Channel, PlaintextWithoutTls, Service};
use crate::verdict::{Decision, Rule, Verdict};

const OFFERED: Rule = Rule::named("auth.offered");
const NOT_HERE: Rule = Rule::named("auth.not-here");
const AFTER_TLS: Rule = Rule::named("auth.after-tls");
const NO_CERTIFICATE: Rule = Rule::named("auth.no-certificate");
const NETWORK_LOCKED: Rule = Rule::named("auth.network-locked");
const ACCOUNT_LOCKED: Rule = Rule::named("auth.account-locked");

/// The delay of the second failure; the first one has none, since everybody mistypes.
const FIRST_DELAY: Duration = Duration::from_millis(500);

/// What decides about the list of mechanisms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfferFacts<'a> {
    /// The listener's purpose.
    pub service: Service,
    /// Its name.
    pub listener: &'a str,
    /// Where the client connects from.
    pub client: IpAddr,
    /// Whether TLS is on.
    pub channel: Channel,
    /// Whether the client has shown a certificate.
    pub certificate: ClientCertificate,
}

/// Whether a client has shown a certificate in its TLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificate {
    /// It has, and proved that it holds the key.
    Shown,
    /// It has not.
    NotShown,
}

/// The mechanisms to list in EHLO now, in the order of the rules (RFC 4954 section 3).
///
/// None on `Mx`. `-PLUS` forms need TLS, since they are tied to it; what reveals a secret needs TLS too, unless the
/// operator has said otherwise. EXTERNAL needs a certificate of the client's. What no source of accounts can serve is left out.
#[must_use]
pub fn offered(facts: &OfferFacts<'_>, rules: &Rules) -> Vec<Mechanism> {
    let mut list = listed(facts, rules);
    list.retain(|mechanism| works_on(*mechanism, facts, rules));
    list
}

/// The mechanisms that are not offered in the clear but may be under TLS: whoever asks for one hears 538.
#[must_use]
pub fn offered_after_tls(facts: &OfferFacts<'_>, rules: &Rules) -> Vec<Mechanism> {
    let now = offered(&OfferFacts { channel: Channel::Clear, ..*facts }, rules);
    let certificate = ClientCertificate::Shown;
    let then = offered(&OfferFacts { channel: Channel::Encrypted, certificate, ..*facts }, rules);
    then.into_iter().filter(|mechanism| !now.contains(mechanism)).collect()
}

/// What the rules name for this listener and network, whatever the channel is.
///
/// A list of the listener's, or of the client's network, takes the place of the general one. Where both are there, a mechanism must be
/// in both: each may have been written to keep something out.
fn listed(facts: &OfferFacts<'_>, rules: &Rules) -> Vec<Mechanism> {
    let auth = &rules.auth;
    if facts.service == Service::Mx {
        return Vec::new();
    }
    let mut around: Vec<_> =
        auth.networks.iter().filter(|(network, _)| network.contains(facts.client)).collect();
    around.sort_by_key(|(network, _)| Reverse(network.prefix));
    let of_network = around.first().map(|(_, list)| list);
    let of_listener = auth.listeners.get(facts.listener);
    let list = of_network.or(of_listener).unwrap_or(&auth.mechanisms);
    let kept = |mechanism: &&Mechanism| {
        auth.served.contains(*mechanism) && of_listener.is_none_or(|other| other.contains(*mechanism))
    };
    list.iter().filter(kept).copied().collect()
}

fn works_on(mechanism: Mechanism, facts: &OfferFacts<'_>, rules: &Rules) -> bool {
    match facts.channel {
        Channel::Encrypted if mechanism == Mechanism::External => {
            facts.certificate == ClientCertificate::Shown
        }
        Channel::Encrypted => true,
        Channel::Clear if matches!(mechanism, Mechanism::Plain | Mechanism::Login) => {
            rules.auth.plaintext_without_tls == PlaintextWithoutTls::Allowed
        }
        Channel::Clear => !mechanism.needs_tls(),
    }
}

/// What is known when a client begins a login, and again when it has named its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthFacts<'a> {
    /// Where it is.
    pub offer: OfferFacts<'a>,
    /// What the client asks for.
    pub mechanism: Mechanism,
    /// What it has done before.
    pub standing: Standing,
}

/// What the client's network and the account have to do with each other, and what went wrong within the lockout time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The account does not come from there as far as is known, or none is named yet.
    Stranger {
        /// Failures of strangers from this network.
        of_network: u32,
        /// Failures of strangers at this account, from all networks.
        of_account: u32,
    },
    /// The account has logged in from this network lately: only what failed at this very pair counts. So neither
    /// strangers elsewhere nor a forgotten device in the same office lock anybody out.
    Known {
        /// Failures at the account from this network.
        failures: u32,
    },
}

impl Standing {
    /// A client of which nothing is known.
    pub const NEW: Self = Self::Stranger { of_network: 0, of_account: 0 };

    /// The failures that count most.
    #[must_use]
    pub fn failures(self) -> u32 {
        match self {
            Self::Stranger { of_network, of_account } => of_network.max(of_account),
            Self::Known { failures } => failures,
        }
    }
}

/// Says whether a login may go on (RFC 4954 section 4).
///
/// Called before the exchange and again before its proof is checked, when the account is known: so a locked
/// account costs no password work. The words of both lockouts are the same, and an account that does not
/// exist locks like any other, so that nothing is learnt from them.
pub fn attempt(facts: &AuthFacts<'_>, rules: &Rules) -> Verdict<Decision> {
    let name = facts.mechanism.name();
    if facts.offer.service == Service::Mx {
        return Verdict::refuse(NOT_HERE, table::NO_AUTH, "no login on this listener");
    }
    if !listed(&facts.offer, rules).contains(&facts.mechanism) {
        return unknown(name, &facts.offer, rules);
    }
    if !works_on(facts.mechanism, &facts.offer, rules) {
        return match facts.offer.channel {
            Channel::Clear => {
                Verdict::refuse(AFTER_TLS, table::ENCRYPTION_REQUIRED, format!("{name} in the clear"))
            }
            Channel::Encrypted => {
                Verdict::refuse(NO_CERTIFICATE, table::NO_CERTIFICATE, "the client showed no certificate")
            }
        };
    }
    locked(facts.standing, rules).unwrap_or_else(|| Verdict::permit(OFFERED, name))
}

fn locked(standing: Standing, rules: &Rules) -> Option<Verdict<Decision>> {
    let most = rules.auth.failures_before_lockout.get();
    let (rule, because) = match standing {
        Standing::Stranger { of_network, .. } if of_network >= most => {
            (NETWORK_LOCKED, format!("{of_network} failed logins from this network"))
        }
        Standing::Stranger { of_account, .. } if of_account >= most => {
            (ACCOUNT_LOCKED, format!("{of_account} failed logins to this account"))
        }
        Standing::Known { failures } if failures >= most => {
            (ACCOUNT_LOCKED, format!("{failures} failed logins to this account from this network"))
        }
        Standing::Stranger { .. } | Standing::Known { .. } => return None,
    };
    Some(Verdict::defer(rule, table::LOCKED_OUT, because))
}

/// How long the reply to a failure is held back, where `failures` are those that count, this one included.
///
/// Doubles with each, up to `auth.tarpit`.
#[must_use]
pub fn delay(failures: u32, rules: &Rules) -> Duration {
    let Some(doublings) = failures.checked_sub(2) else { return Duration::ZERO };
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    FIRST_DELAY.saturating_mul(factor).min(rules.auth.tarpit)
}

#[cfg(test)]
mod tests;
