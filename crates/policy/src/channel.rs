//! How secure must the channel to a next hop be?

use std::net::IpAddr;

use crate::Rules;
use crate::route::NextHop;
use crate::rules::{Destination, Endpoint, TlsRule};
use crate::verdict::{Rule, Verdict};

const OPPORTUNISTIC: Rule = Rule::named("channel.opportunistic");
const REQUIRED: Rule = Rule::named("channel.required");
const LOGIN: Rule = Rule::named("channel.login");
const OFF: Rule = Rule::named("channel.off");
const NEAR: Rule = Rule::named("channel.near");

/// How a driver secures the channel to one next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelPlan {
    /// TLS if it is offered, whoever the certificate names (RFC 7435); in the clear if it is not offered or the
    /// handshake fails: then the same host once more without it.
    Try,
    /// TLS with a certificate that is valid for the host's name, or no mail to this host.
    Insist,
    /// No TLS.
    Leave,
}

/// Says how to secure the channel to a next hop.
///
/// Where we log in, TLS is insisted upon even if the rule is opportunistic: a password goes only to a host that
/// has proved its name. Sockets and loopback addresses of destinations of ours need none.
pub fn plan(hop: &NextHop, rules: &Rules) -> Verdict<ChannelPlan> {
    match hop {
        NextHop::Local(destination) => of_destination(destination),
        NextHop::Fixed(route) => match (route.tls, &route.login) {
            (TlsRule::Opportunistic, Some(_)) => {
                Verdict::decide(ChannelPlan::Insist, LOGIN, "a password is sent to this host")
            }
            (rule, _) => of_rule(rule, "the route says so"),
        },
        NextHop::Exchangers(_) | NextHop::Literal(_) => {
            of_rule(rules.delivery.tls, "the delivery rules say so")
        }
        NextHop::Nowhere => Verdict::decide(ChannelPlan::Insist, REQUIRED, "there is no next hop"),
    }
}

fn of_rule(rule: TlsRule, because: &'static str) -> Verdict<ChannelPlan> {
    match rule {
        TlsRule::Opportunistic => Verdict::decide(ChannelPlan::Try, OPPORTUNISTIC, because),
        TlsRule::Required => Verdict::decide(ChannelPlan::Insist, REQUIRED, because),
        TlsRule::Off => Verdict::decide(ChannelPlan::Leave, OFF, because),
    }
}

fn of_destination(destination: &Destination) -> Verdict<ChannelPlan> {
    match destination {
        Destination::Maildir(_) => Verdict::decide(ChannelPlan::Leave, NEAR, "a folder of ours"),
        Destination::Lmtp(endpoint) | Destination::Smtp(endpoint) if is_near(endpoint) => {
            Verdict::decide(ChannelPlan::Leave, NEAR, "on this machine")
        }
        Destination::Lmtp(_) | Destination::Smtp(_) => {
            Verdict::decide(ChannelPlan::Try, OPPORTUNISTIC, "a destination of ours on another machine")
        }
    }
}

fn is_near(endpoint: &Endpoint) -> bool {
    match endpoint {
        Endpoint::Unix(_) => true,
        Endpoint::Address(address, _) => IpAddr::is_loopback(&address.to_canonical()),
        Endpoint::Name(_, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use gatepost_mail::Domain;

    use super::*;
    use crate::rules::{Pattern, Route};
    use crate::testing;

    fn fixed(tls: TlsRule, login: Option<&str>) -> NextHop {
        let via = Endpoint::Name(Domain::parse("smtp.provider.example").unwrap(), 587);
        NextHop::Fixed(Route { pattern: Pattern::All, via, login: login.map(Into::into), tls })
    }

    #[test]
    fn each_next_hop_has_its_plan() {
        use ChannelPlan::{Insist, Leave, Try};
        let address = |text: &str| Endpoint::Address(text.parse().unwrap(), 24);
        let rows = [
            (NextHop::Exchangers(Domain::parse("there.example").unwrap()), Try, "channel.opportunistic"),
            (NextHop::Literal("192.0.2.1".parse().unwrap()), Try, "channel.opportunistic"),
            (fixed(TlsRule::Opportunistic, None), Try, "channel.opportunistic"),
            (fixed(TlsRule::Opportunistic, Some("org")), Insist, "channel.login"),
            (fixed(TlsRule::Required, Some("org")), Insist, "channel.required"),
            (fixed(TlsRule::Off, Some("org")), Leave, "channel.off"),
            (NextHop::Local(Destination::Maildir(PathBuf::from("/m"))), Leave, "channel.near"),
            (NextHop::Local(Destination::Lmtp(Endpoint::Unix("/l".into()))), Leave, "channel.near"),
            (NextHop::Local(Destination::Lmtp(address("127.0.0.1"))), Leave, "channel.near"),
            (NextHop::Local(Destination::Smtp(address("::1"))), Leave, "channel.near"),
            (NextHop::Local(Destination::Smtp(address("10.0.0.5"))), Try, "channel.opportunistic"),
        ];
        for (hop, want, rule) in rows {
            let verdict = plan(&hop, &testing::rules());
            assert_eq!((verdict.decision, verdict.rule.as_str()), (want, rule), "{hop:?}");
        }
        let mut rules = testing::rules();
        rules.delivery.tls = TlsRule::Required;
        assert_eq!(plan(&NextHop::Literal("192.0.2.1".parse().unwrap()), &rules).decision, Insist);
    }
}
