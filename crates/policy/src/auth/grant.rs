//! Whether a login that was proved may be used.

use std::net::IpAddr;

use gatepost_mail::reply::table;
use gatepost_mail::{Network, Reply, Timestamp};
use gatepost_sasl::{Mechanism, Strength};

use crate::Rules;
use crate::rules::Ratchet;
use crate::verdict::{Decision, Rule, Verdict};

const GRANTED: Rule = Rule::named("auth.granted");
const DEVICE_EXPIRED: Rule = Rule::named("auth.device-expired");
const DEVICE_ELSEWHERE: Rule = Rule::named("auth.device-elsewhere");
const DEVICE_MECHANISM: Rule = Rule::named("auth.device-mechanism");
const ACCOUNT_MECHANISM: Rule = Rule::named("auth.account-mechanism");
const RATCHET: Rule = Rule::named("auth.ratchet");

/// What is known of an account whose login was proved.
#[derive(Debug, Clone, Copy)]
pub struct GrantFacts<'a> {
    /// How it was proved.
    pub mechanism: Mechanism,
    /// From where.
    pub client: IpAddr,
    /// Now.
    pub now: Timestamp,
    /// What the operator restricted the account to; empty means nothing.
    pub only_by: &'a [Mechanism],
    /// Since when the account has bound its logins to the TLS channel.
    pub bound_since: Option<Timestamp>,
    /// The device whose password was used, if it was one.
    pub device: Option<DeviceFacts<'a>>,
}

/// What a device's password may be used for.
#[derive(Debug, Clone, Copy)]
pub struct DeviceFacts<'a> {
    /// Its name within the account.
    pub label: &'a str,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// From where it may be used; empty means from anywhere.
    pub networks: &'a [Network],
    /// By which mechanisms; empty means by all that are offered.
    pub mechanisms: &'a [Mechanism],
}

/// Says whether a login that was proved may be used.
///
/// A device that has ended, or is not where it should be, hears what a wrong password hears: whoever has stolen its password learns
/// nothing. Whoever took too weak a way hears that, since the person must change something in the mail program.
///
/// The ratchet does not hold for devices: each has a password of its own, which the account's never went with.
pub fn grant(facts: &GrantFacts<'_>, rules: &Rules) -> Verdict<Decision> {
    let name = facts.mechanism.name();
    if let Some(device) = &facts.device
        && let Some(refusal) = of_device(device, facts)
    {
        return refusal;
    }
    // A device's own list takes the place of the account's: it was written for the one that cannot do better.
    let own_list = facts.device.is_some_and(|device| !device.mechanisms.is_empty());
    if !own_list && !facts.only_by.is_empty() && !facts.only_by.contains(&facts.mechanism) {
        let because = format!("the account may not log in with {name}");
        return Verdict::refuse(ACCOUNT_MECHANISM, only(facts.only_by), because);
    }
    let bound = facts.mechanism.strength() == Strength::BoundProof;
    match (rules.auth.ratchet, facts.bound_since) {
        (Ratchet::On, Some(since)) if !bound && facts.device.is_none() => {
            let because = format!("the account binds its logins to TLS since {since}; {name} does not");
            Verdict::refuse(RATCHET, table::BINDING_WANTED, because)
        }
        (Ratchet::On | Ratchet::Off, _) => Verdict::permit(GRANTED, name),
    }
}

fn of_device(device: &DeviceFacts<'_>, facts: &GrantFacts<'_>) -> Option<Verdict<Decision>> {
    let label = device.label;
    if device.expires.is_some_and(|expires| expires <= facts.now) {
        let because = format!("the password of device {label} has ended");
        return Some(Verdict::refuse(DEVICE_EXPIRED, table::BAD_CREDENTIALS, because));
    }
    let networks = device.networks;
    if !networks.is_empty() && !networks.iter().any(|network| network.contains(facts.client)) {
        let because = format!("device {label} may not log in from {}", facts.client);
        return Some(Verdict::refuse(DEVICE_ELSEWHERE, table::BAD_CREDENTIALS, because));
    }
    let mechanisms = device.mechanisms;
    if !mechanisms.is_empty() && !mechanisms.contains(&facts.mechanism) {
        let because = format!("device {label} may not log in with {}", facts.mechanism.name());
        return Some(Verdict::refuse(DEVICE_MECHANISM, only(mechanisms), because));
    }
    None
}

fn only(mechanisms: &[Mechanism]) -> Reply {
    let names: Vec<&str> = mechanisms.iter().map(|mechanism| mechanism.name()).collect();
    table::MECHANISM_TOO_WEAK.with_text(format!("This login must use another mechanism: {}", names.join(" ")))
}
