//! May this client take a place?

use gatepost_mail::reply::table;

use crate::Rules;
use crate::verdict::{Decision, Rule, Verdict};

const FREE: Rule = Rule::named("connect.free");
const FULL: Rule = Rule::named("connect.full");
const NETWORK_FULL: Rule = Rule::named("connect.network-full");

/// How many places are taken, this client not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectFacts {
    /// Sessions open now, over all listeners.
    pub open: u32,
    /// Sessions open now from the client's network ([`crate::rules::Network::of_client`]).
    pub open_from_network: u32,
}

/// Says whether a client may take a place; else it hears 421 and is closed (RFC 5321 section 3.8).
///
/// The network's share is looked at first: a client that takes too much should hear that, even when all
/// places are taken by it.
pub fn connect(facts: &ConnectFacts, rules: &Rules) -> Verdict<Decision> {
    let limits = &rules.limits;
    if facts.open_from_network >= limits.connections_per_network.get() {
        let because = format!("{} sessions are open from this network", facts.open_from_network);
        return Verdict::defer(NETWORK_FULL, table::TOO_MANY_FROM_NETWORK, because);
    }
    if facts.open >= limits.connections.get() {
        let because = format!("{} sessions are open", facts.open);
        return Verdict::defer(FULL, table::TOO_MANY_CONNECTIONS, because);
    }
    Verdict::permit(FREE, "a place is free")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn places_end_at_their_limits() {
        let rows = [
            (0, 0, "connect.free", None),
            (9, 2, "connect.free", None),
            (9, 3, "connect.network-full", Some(table::TOO_MANY_FROM_NETWORK)),
            (10, 0, "connect.full", Some(table::TOO_MANY_CONNECTIONS)),
            (10, 3, "connect.network-full", Some(table::TOO_MANY_FROM_NETWORK)),
        ];
        for (open, open_from_network, rule, reply) in rows {
            let verdict = connect(&ConnectFacts { open, open_from_network }, &testing::rules());
            assert_eq!((verdict.rule.as_str(), verdict.reply), (rule, reply), "{open} {open_from_network}");
        }
    }
}
