//! Which mechanisms are offered, and who may try one.

use gatepost_mail::reply::table;
use gatepost_sasl::Mechanism;

use crate::Rules;
use crate::rules::{Channel, PlaintextWithoutTls, Service};
use crate::verdict::{Decision, Rule, Verdict};

const OFFERED: Rule = Rule::named("auth.offered");
const NOT_HERE: Rule = Rule::named("auth.not-here");
const AFTER_TLS: Rule = Rule::named("auth.after-tls");
const NOT_OFFERED: Rule = Rule::named("auth.not-offered");
const NETWORK_LOCKED: Rule = Rule::named("auth.network-locked");
const ACCOUNT_LOCKED: Rule = Rule::named("auth.account-locked");

/// The mechanisms to list in EHLO now, in the order of the rules (RFC 4954 section 3).
///
/// None on `Mx`. `-PLUS` forms need TLS, since they are tied to it; what reveals the password needs TLS too,
/// unless the operator has said otherwise.
#[must_use]
pub fn offered(service: Service, channel: Channel, rules: &Rules) -> Vec<Mechanism> {
    let works = |mechanism: &&Mechanism| works_on(**mechanism, channel, rules);
    match service {
        Service::Mx => Vec::new(),
        Service::Submission => rules.auth.mechanisms.iter().filter(works).copied().collect(),
    }
}

/// The mechanisms that are not offered in the clear but will be under TLS: whoever asks for one hears 538.
#[must_use]
pub fn offered_after_tls(service: Service, rules: &Rules) -> Vec<Mechanism> {
    let now = offered(service, Channel::Clear, rules);
    let then = offered(service, Channel::Encrypted, rules);
    then.into_iter().filter(|mechanism| !now.contains(mechanism)).collect()
}

fn works_on(mechanism: Mechanism, channel: Channel, rules: &Rules) -> bool {
    match channel {
        Channel::Encrypted => true,
        Channel::Clear if matches!(mechanism, Mechanism::Plain | Mechanism::Login) => {
            rules.auth.plaintext_without_tls == PlaintextWithoutTls::Allowed
        }
        Channel::Clear if mechanism.needs_tls() => false,
        Channel::Clear => true,
    }
}

/// What is known when a client begins a login, and again when it has named its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthFacts {
    /// The listener's purpose.
    pub service: Service,
    /// Whether TLS is on.
    pub channel: Channel,
    /// What the client asks for.
    pub mechanism: Mechanism,
    /// Failed logins from the client's network within the lockout time.
    pub failures_of_network: u32,
    /// Failed logins to the account within the lockout time; 0 while it is not known which.
    pub failures_of_account: u32,
}

/// Says whether a login may go on (RFC 4954 section 4).
///
/// Called before the exchange and again before its proof is checked, when the account is known: so a locked
/// account costs no password work. The words of both lockouts are the same, and an account that does not
/// exist locks like any other, so that nothing is learnt from them.
pub fn attempt(facts: &AuthFacts, rules: &Rules) -> Verdict<Decision> {
    let name = facts.mechanism.name();
    let most = rules.auth.failures_before_lockout.get();
    match facts.service {
        Service::Mx => return Verdict::refuse(NOT_HERE, table::NO_AUTH, "no login on this listener"),
        Service::Submission => {}
    }
    if !rules.auth.mechanisms.contains(&facts.mechanism) {
        return Verdict::refuse(NOT_OFFERED, table::UNKNOWN_MECHANISM, format!("{name} is not in the rules"));
    }
    if !works_on(facts.mechanism, facts.channel, rules) {
        return Verdict::refuse(AFTER_TLS, table::ENCRYPTION_REQUIRED, format!("{name} in the clear"));
    }
    if facts.failures_of_network >= most {
        let because = format!("{} failed logins from this network", facts.failures_of_network);
        return Verdict::defer(NETWORK_LOCKED, table::LOCKED_OUT, because);
    }
    if facts.failures_of_account >= most {
        let because = format!("{} failed logins to this account", facts.failures_of_account);
        return Verdict::defer(ACCOUNT_LOCKED, table::LOCKED_OUT, because);
    }
    Verdict::permit(OFFERED, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn what_is_offered_follows_channel_and_order() {
        use Channel::{Clear, Encrypted};
        use Mechanism::{Login, Plain, ScramSha1, ScramSha256, ScramSha256Plus};
        use Service::{Mx, Submission};
        let mut rules = testing::rules();
        assert_eq!(
            offered(Submission, Encrypted, &rules),
            [ScramSha256Plus, ScramSha256, ScramSha1, Plain, Login]
        );
        assert_eq!(offered(Submission, Clear, &rules), [ScramSha256, ScramSha1]);
        assert_eq!(offered_after_tls(Submission, &rules), [ScramSha256Plus, Plain, Login]);
        assert_eq!(offered(Mx, Encrypted, &rules), []);
        assert_eq!(offered_after_tls(Mx, &rules), []);
        rules.auth.plaintext_without_tls = PlaintextWithoutTls::Allowed;
        assert_eq!(offered(Submission, Clear, &rules), [ScramSha256, ScramSha1, Plain, Login]);
        rules.auth.mechanisms = vec![Login, ScramSha1];
        assert_eq!(offered(Submission, Encrypted, &rules), [Login, ScramSha1]);
    }

    /// What is listed can be begun, and nothing else can.
    #[test]
    fn the_list_and_the_verdict_agree() {
        let rules = testing::rules();
        for service in [Service::Mx, Service::Submission] {
            for channel in [Channel::Clear, Channel::Encrypted] {
                for mechanism in Mechanism::ALL {
                    let facts = AuthFacts {
                        service,
                        channel,
                        mechanism,
                        failures_of_network: 0,
                        failures_of_account: 0,
                    };
                    let listed = offered(service, channel, &rules).contains(&mechanism);
                    assert_eq!(attempt(&facts, &rules).permits(), listed, "{facts:?}");
                }
            }
        }
    }
}
