//! Recipient → next hop.

use std::net::IpAddr;

use gatepost_mail::reply::table;
use gatepost_mail::{Domain, ForwardPath, Host, LocalPart, Mailbox, Principal};

use crate::Rules;
use crate::relay::{cannot_be_elsewhere, is_postmaster};
use crate::rules::{Destination, Pattern, Route};
use crate::verdict::{Rule, Verdict};

const HOSTED: Rule = Rule::named("route.hosted");
const FIXED: Rule = Rule::named("route.fixed");
const EXCHANGERS: Rule = Rule::named("route.exchangers");
const LITERAL: Rule = Rule::named("route.literal");
const NO_POSTMASTER: Rule = Rule::named("route.no-postmaster");
const LITERAL_DENIED: Rule = Rule::named("route.literal-denied");

/// Where a recipient's mail goes next. Recipients with the same one can share a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NextHop {
    /// A destination of ours.
    Local(Destination),
    /// A fixed next hop.
    Fixed(Route),
    /// The mail exchangers of a domain, still to be looked up.
    Exchangers(Domain),
    /// This very address.
    Literal(IpAddr),
    /// Nowhere, for good: the verdict's reply says why.
    Nowhere,
}

/// The mailbox that a path stands for here.
///
/// `<postmaster>` is the postmaster of the hosted domain that [`Rules::hostname`] lies in, else of the first
/// hosted domain; `None` if there is none at all. `postmaster` at a hosted domain is whoever the rules name;
/// that one is taken as it is, so that two domains naming each other make no circle.
#[must_use]
pub fn addressee(path: &ForwardPath, rules: &Rules) -> Option<Mailbox> {
    match path {
        ForwardPath::Postmaster => postmaster_of(home(rules)?, rules),
        ForwardPath::Mailbox(mailbox) => match mailbox.domain() {
            Some(domain) if is_postmaster(mailbox) && rules.hosted.contains_key(domain) => {
                postmaster_of(domain, rules)
            }
            Some(_) | None => Some(mailbox.clone()),
        },
    }
}

/// The hosted domain that this host belongs to: the longest one around its name.
fn home(rules: &Rules) -> Option<&Domain> {
    let around = rules.hosted.keys().filter(|domain| rules.hostname.is_within(domain));
    around.max_by_key(|domain| domain.ascii().len()).or_else(|| rules.hosted.keys().next())
}

fn postmaster_of(domain: &Domain, rules: &Rules) -> Option<Mailbox> {
    match &rules.hosted.get(domain)?.postmaster {
        Some(mailbox) => Some(mailbox.clone()),
        None => {
            let local_part = LocalPart::parse("postmaster").ok()?;
            Some(Mailbox::new(local_part, Host::Domain(domain.clone())))
        }
    }
}

/// Says what becomes of mail for a path that [`addressee`] knows nobody for: `<postmaster>`, and no domain is
/// hosted here any more.
pub fn no_addressee() -> Verdict<NextHop> {
    Verdict::decide(NextHop::Nowhere, NO_POSTMASTER, "no domain is hosted here").saying(table::NO_SUCH_USER)
}

/// Says where a mailbox's mail goes next: to a destination of ours, else by the most specific route, else to the
/// domain's exchangers (RFC 5321 section 5).
///
/// A mailbox at an address literal is reached there, but only for mail of accounts and machines; reports of our
/// own and mail of strangers never make us connect to an address that somebody else chose.
pub fn next_hop(mailbox: &Mailbox, principal: &Principal, rules: &Rules) -> Verdict<NextHop> {
    match mailbox.host() {
        Host::Domain(domain) => by_domain(domain, rules),
        Host::Literal(literal) => by_literal(literal.0, principal, rules),
    }
}

fn by_domain(domain: &Domain, rules: &Rules) -> Verdict<NextHop> {
    if let Some(hosted) = rules.hosted.get(domain) {
        let because = format!("{domain} is a domain of ours");
        return Verdict::decide(NextHop::Local(hosted.deliver.clone()), HOSTED, because);
    }
    match most_specific(Some(domain), rules) {
        Some(route) => fixed(route),
        None => {
            let because = format!("no route is for {domain}");
            Verdict::decide(NextHop::Exchangers(domain.clone()), EXCHANGERS, because)
        }
    }
}

fn by_literal(address: IpAddr, principal: &Principal, rules: &Rules) -> Verdict<NextHop> {
    let is_ours = match principal {
        Principal::Account(_) | Principal::Machine(_) => true,
        Principal::Hosted(_) | Principal::Ourselves => false,
    };
    if !is_ours || cannot_be_elsewhere(address) {
        let because = format!("no mail is sent to {address} for {principal}");
        return Verdict::decide(NextHop::Nowhere, LITERAL_DENIED, because).saying(table::NO_ROUTE);
    }
    match most_specific(None, rules) {
        Some(route) => fixed(route),
        None => Verdict::decide(NextHop::Literal(address), LITERAL, "the recipient names its host's address"),
    }
}

fn fixed(route: &Route) -> Verdict<NextHop> {
    let because = match &route.pattern {
        Pattern::Exactly(domain) => format!("route for {domain}"),
        Pattern::Below(domain) => format!("route for *.{domain}"),
        Pattern::All => "route for *".to_owned(),
    };
    Verdict::decide(NextHop::Fixed(route.clone()), FIXED, because)
}

/// The exact name, else the longest name above, else the smart host. A literal has the smart host only.
fn most_specific<'a>(domain: Option<&Domain>, rules: &'a Rules) -> Option<&'a Route> {
    let rank = |route: &Route| match (&route.pattern, domain) {
        (Pattern::Exactly(name), Some(domain)) if name == domain => Some(usize::MAX),
        (Pattern::Below(name), Some(domain)) if name != domain && domain.is_within(name) => {
            Some(name.ascii().len())
        }
        (Pattern::All, _) => Some(0),
        (Pattern::Exactly(_) | Pattern::Below(_), _) => None,
    };
    let ranked = rules.routes.iter().filter_map(|route| rank(route).map(|rank| (rank, route)));
    ranked.max_by_key(|(rank, _)| *rank).map(|(_, route)| route)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Endpoint, TlsRule};
    use crate::testing;

    fn route(pattern: Pattern, port: u16) -> Route {
        let via = Endpoint::Address("192.0.2.25".parse().unwrap(), port);
        Route { pattern, via, login: None, tls: TlsRule::Opportunistic }
    }

    fn domain(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    fn routed(rules: &Rules, mailbox: &str, principal: &Principal) -> Verdict<NextHop> {
        next_hop(&Mailbox::parse(mailbox).unwrap(), principal, rules)
    }

    #[test]
    fn the_most_specific_route_wins_and_ours_come_first() {
        let mut rules = testing::rules();
        let ada = Principal::Account("ada".into());
        let hop = |rules: &Rules, mailbox: &str| match routed(rules, mailbox, &ada).decision {
            NextHop::Fixed(Route { via: Endpoint::Address(_, port), .. }) => format!("fixed {port}"),
            NextHop::Fixed(_) => "fixed".into(),
            NextHop::Local(_) => "local".into(),
            NextHop::Exchangers(domain) => format!("mx {domain}"),
            NextHop::Literal(address) => format!("at {address}"),
            NextHop::Nowhere => "nowhere".into(),
        };
        assert_eq!(hop(&rules, "a@there.example"), "mx there.example");
        assert_eq!(hop(&rules, "a@[192.0.2.7]"), "at 192.0.2.7");
        rules.routes = vec![
            route(Pattern::Below(domain("example")), 1),
            route(Pattern::Below(domain("there.example")), 2),
            route(Pattern::Exactly(domain("there.example")), 3),
            route(Pattern::Exactly(domain("ours.example")), 4),
        ];
        let rows = [
            ("a@there.example", "fixed 3"),
            ("a@x.there.example", "fixed 2"),
            ("a@y.x.there.example", "fixed 2"),
            ("a@nothere.example", "fixed 1"),
            ("a@example", "mx example"),
            ("a@elsewhere.test", "mx elsewhere.test"),
            ("a@ours.example", "local"),
            ("a@[192.0.2.7]", "at 192.0.2.7"),
            ("a@[127.0.0.1]", "nowhere"),
            ("a@[IPv6:::ffff:127.0.0.1]", "nowhere"),
        ];
        for (mailbox, want) in rows {
            assert_eq!(hop(&rules, mailbox), want, "{mailbox}");
        }
        rules.routes.push(route(Pattern::All, 5));
        assert_eq!(hop(&rules, "a@elsewhere.test"), "fixed 5");
        assert_eq!(hop(&rules, "a@[192.0.2.7]"), "fixed 5");
        assert_eq!(hop(&rules, "a@there.example"), "fixed 3");
    }

    #[test]
    fn literals_are_for_people_of_ours_only() {
        let rules = testing::rules();
        for principal in [Principal::Ourselves, Principal::Hosted(domain("ours.example"))] {
            let verdict = routed(&rules, "a@[192.0.2.7]", &principal);
            assert_eq!(verdict.decision, NextHop::Nowhere);
            assert_eq!(verdict.reply, Some(table::NO_ROUTE));
        }
    }

    #[test]
    fn postmasters_are_found() {
        let mut rules = testing::rules();
        let find = |rules: &Rules, path: &str| {
            addressee(&ForwardPath::parse(path).unwrap(), rules).map(|mailbox| mailbox.to_string())
        };
        assert_eq!(find(&rules, "<postmaster>").as_deref(), Some("ops@ours.example"));
        assert_eq!(find(&rules, "<POSTMASTER@ours.example>").as_deref(), Some("ops@ours.example"));
        assert_eq!(find(&rules, "<Postmaster@listed.example>").as_deref(), Some("postmaster@listed.example"));
        assert_eq!(
            find(&rules, "<postmaster@elsewhere.example>").as_deref(),
            Some("postmaster@elsewhere.example")
        );
        assert_eq!(find(&rules, "<ada@ours.example>").as_deref(), Some("ada@ours.example"));
        rules.hostname = domain("mx.other.test");
        assert_eq!(find(&rules, "<postmaster>").as_deref(), Some("postmaster@behind.example"));
        rules.hosted.clear();
        assert_eq!(find(&rules, "<postmaster>"), None);
    }
}
