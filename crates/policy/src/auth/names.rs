//! Names that clients get nearly right, and who is asked for a certificate.

use gatepost_mail::Domain;
use gatepost_mail::reply::table;
use gatepost_sasl::{Mechanism, nearest};

use super::{OfferFacts, listed, offered};
use crate::Rules;
use crate::verdict::{Decision, Rule, Verdict};

const NOT_OFFERED: Rule = Rule::named("auth.not-offered");

/// Most mechanisms that a refusal calls the nearest ones.
const NEAREST: usize = 3;

/// The refusal of a mechanism that is not offered, or that nobody knows: it names those that were most likely meant, else all that
/// are offered.
pub fn unknown(name: &str, facts: &OfferFacts<'_>, rules: &Rules) -> Verdict<Decision> {
    let offered = offered(facts, rules);
    let near = nearest_ones(name, &offered);
    let (lead, named) = if near.is_empty() { ("these are", offered) } else { ("the nearest are", near) };
    let names: Vec<&str> = named.iter().map(|mechanism| mechanism.name()).collect();
    let reply = if names.is_empty() {
        table::UNKNOWN_MECHANISM
    } else {
        let text = format!("This mechanism is not offered; {lead}: {}", names.join(" "));
        table::UNKNOWN_MECHANISM.with_text(text)
    };
    Verdict::refuse(NOT_OFFERED, reply, "not in the list for this listener, network and channel")
}

fn nearest_ones(name: &str, offered: &[Mechanism]) -> Vec<Mechanism> {
    let mut left = offered.to_vec();
    let next = || {
        let found = nearest(name, &left)?;
        left.retain(|mechanism| *mechanism != found);
        Some(found)
    };
    std::iter::from_fn(next).take(NEAREST).collect()
}

/// The login name of a client that names user and domain apart (NTLM).
///
/// A user without `@` belongs to that domain where it looks like one of the DNS (`example.org`, not `WORKGROUP`), else to the only
/// hosted one; where there are several, it stays as it is, and is nobody's.
#[must_use]
pub fn login_name(user: &str, domain: &str, rules: &Rules) -> String {
    if user.contains('@') {
        return user.to_owned();
    }
    if let Some(named) = Domain::parse(domain).ok().filter(|named| named.ascii().contains('.')) {
        return format!("{user}@{}", named.ascii());
    }
    let mut hosted = rules.hosted.keys();
    match (hosted.next(), hosted.next()) {
        (Some(only), None) => format!("{user}@{}", only.ascii()),
        (None | Some(_), _) => user.to_owned(),
    }
}

/// Whether a client that begins TLS is to be asked for a certificate: only where EXTERNAL is in the list, since some programs bother
/// their users with the question.
#[must_use]
pub fn asks_for_certificate(facts: &OfferFacts<'_>, rules: &Rules) -> bool {
    listed(facts, rules).contains(&Mechanism::External)
}
