//! MX records → hosts in the order to try them. RFC 5321 section 5.1, RFC 7505.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gatepost_mail::reply::table;
use gatepost_mail::{Domain, Reply};

use crate::Rules;
use crate::fact::Fact;
use crate::verdict::{Rule, Verdict};

const RECORDS: Rule = Rule::named("exchanger.records");
const IMPLICIT: Rule = Rule::named("exchanger.implicit");
const NULL: Rule = Rule::named("exchanger.null");
const NO_DOMAIN: Rule = Rule::named("exchanger.no-domain");
const UNUSABLE: Rule = Rule::named("exchanger.unusable");
const LOOP: Rule = Rule::named("exchanger.loop");
const UNKNOWN: Rule = Rule::named("exchanger.unknown");
const NO_ADDRESS: Rule = Rule::named("exchanger.no-address");

/// Most hosts tried for one domain in one attempt: a zone with thousands of records must not keep a worker busy
/// for a day. RFC 5321 section 5.1 asks for at least two.
pub const MOST_HOSTS: usize = 16;

/// Most addresses tried for one host in one attempt.
pub const MOST_ADDRESSES: usize = 8;

/// Most hosts named where a set is shown.
const SHOWN: usize = 3;

/// One MX record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MxRecord {
    /// Lower is tried first.
    pub preference: u16,
    /// The host.
    pub exchange: Exchange,
}

/// What an MX record points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchange {
    /// A host name.
    Host(Domain),
    /// The root: alone it says that the domain takes no mail (RFC 7505).
    Root,
    /// Something that is no host name, such as an address written as a name.
    Unusable,
}

/// What DNS said about a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MxAnswer {
    /// There are records; never empty.
    Records(Vec<MxRecord>),
    /// The name exists, or may exist, but has no MX record: it is its own exchanger.
    NoRecords,
    /// There is no such name.
    NoDomain,
}

/// The hosts that take a domain's mail, by preference; never empty.
///
/// What the preferences are called does not count, only which hosts come before which: domains whose records say
/// the same about the same hosts have equal sets, and their mail can share connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostSet(Vec<(u16, Domain)>);

/// As in `mx1.example.net, mx2.example.net`, best first.
impl fmt::Display for HostSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (_, host)) in self.0.iter().enumerate().take(SHOWN) {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{}", host.ascii())?;
        }
        if self.0.len() > SHOWN { f.write_str(", …") } else { Ok(()) }
    }
}

impl HostSet {
    /// Each host once, where it is best; sorted.
    fn of(mut found: Vec<(u16, &Domain)>) -> Self {
        found.sort_unstable();
        let mut hosts: Vec<(u16, Domain)> = Vec::new();
        let (mut rank, mut last) = (0, None);
        for (preference, host) in found {
            if hosts.iter().any(|(_, known)| known == host) {
                continue;
            }
            rank += u16::from(last.is_some_and(|last| last != preference));
            last = Some(preference);
            hosts.push((rank, host.clone()));
        }
        Self(hosts)
    }

    /// The hosts in the order to try them, at most [`MOST_HOSTS`]. Those of equal preference come in an order that
    /// `seed` decides, so that they share the load.
    #[must_use]
    pub fn in_order(&self, seed: u64) -> Vec<Domain> {
        let mut hosts: Vec<&(u16, Domain)> = self.0.iter().collect();
        let mut state = seed;
        for end in (1..hosts.len()).rev() {
            let other = usize::try_from(next_random(&mut state) % (end as u64 + 1)).unwrap_or(0);
            hosts.swap(end, other);
        }
        hosts.sort_by_key(|(rank, _)| *rank);
        hosts.into_iter().take(MOST_HOSTS).map(|(_, host)| host.clone()).collect()
    }
}

/// What can be done about a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Candidates {
    /// Try these hosts.
    Hosts(HostSet),
    /// Nobody takes this mail, for good: the verdict's reply says why.
    Nobody,
    /// Nobody knows: try again later.
    Later,
}

/// Says which hosts to try for a domain.
///
/// When we are listed ourselves, we and all that are not better than we are left out; if nobody is left, mail
/// would go in circles.
pub fn candidates(domain: &Domain, answer: &Fact<MxAnswer>, rules: &Rules) -> Verdict<Candidates> {
    match answer {
        Fact::Unknown(why) => {
            Verdict::decide(Candidates::Later, UNKNOWN, why.clone()).saying(table::UNKNOWN_FOR_NOW)
        }
        Fact::Known(MxAnswer::NoDomain) => nobody(NO_DOMAIN, table::NO_SUCH_DOMAIN, domain),
        Fact::Known(MxAnswer::NoRecords) if *domain == rules.hostname => {
            nobody(LOOP, table::EXCHANGER_LOOP, domain)
        }
        Fact::Known(MxAnswer::NoRecords) => {
            let because = format!("{domain} has no MX record and is its own exchanger");
            Verdict::decide(Candidates::Hosts(HostSet::of(vec![(0, domain)])), IMPLICIT, because)
        }
        Fact::Known(MxAnswer::Records(records)) => of_records(domain, records, rules),
    }
}

/// Says what becomes of mail for hosts of which DNS has said that none has an address: waiting does not change it
/// (RFC 5321 section 5.1).
pub fn without_address() -> Verdict<Candidates> {
    Verdict::decide(Candidates::Nobody, NO_ADDRESS, "none of its hosts has an address")
        .saying(table::NO_ROUTE)
}

fn nobody(rule: Rule, reply: Reply, domain: &Domain) -> Verdict<Candidates> {
    let because = format!("{domain}: {}", reply.text());
    Verdict::decide(Candidates::Nobody, rule, because).saying(reply)
}

fn of_records(domain: &Domain, records: &[MxRecord], rules: &Rules) -> Verdict<Candidates> {
    if matches!(records, [MxRecord { exchange: Exchange::Root, .. }]) {
        return nobody(NULL, table::NULL_MX, domain);
    }
    let usable: Vec<(u16, &Domain)> = records
        .iter()
        .filter_map(|record| match &record.exchange {
            Exchange::Host(host) => Some((record.preference, host)),
            Exchange::Root | Exchange::Unusable => None,
        })
        .collect();
    if usable.is_empty() {
        return nobody(UNUSABLE, table::NO_ROUTE, domain);
    }
    let ours =
        usable.iter().filter(|(_, host)| **host == rules.hostname).map(|(preference, _)| *preference).min();
    let better = usable.into_iter().filter(|(preference, _)| ours.is_none_or(|ours| *preference < ours));
    let better: Vec<_> = better.collect();
    if better.is_empty() {
        return nobody(LOOP, table::EXCHANGER_LOOP, domain);
    }
    let because = format!("{} MX records of {domain}", records.len());
    Verdict::decide(Candidates::Hosts(HostSet::of(better)), RECORDS, because)
}

/// SplitMix64: a few operations, and good enough to share load.
fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The addresses of one host in the order to try them: IPv6 and IPv4 by turns, IPv6 first (RFC 8305 section 4),
/// so that a family that does not work here costs one try at a time. At most [`MOST_ADDRESSES`].
#[must_use]
pub fn interleave(v6: &[Ipv6Addr], v4: &[Ipv4Addr]) -> Vec<IpAddr> {
    let longest = v6.len().max(v4.len());
    (0..longest)
        .flat_map(|at| {
            let six = v6.get(at).copied().map(IpAddr::V6);
            let four = v4.get(at).copied().map(IpAddr::V4);
            six.into_iter().chain(four)
        })
        .take(MOST_ADDRESSES)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing;

    fn host(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    fn of(records: &[(u16, &str)]) -> HostSet {
        let record = |(preference, name): &(u16, &str)| MxRecord {
            preference: *preference,
            exchange: Exchange::Host(host(name)),
        };
        let answer = MxAnswer::Records(records.iter().map(record).collect());
        match candidates(&host("there.example"), &Fact::Known(answer), &testing::rules()).decision {
            Candidates::Hosts(hosts) => hosts,
            Candidates::Nobody | Candidates::Later => panic!("no hosts"),
        }
    }

    #[test]
    fn equal_preferences_take_every_order_and_stay_between_the_others() {
        let records =
            [(20, "c.example"), (10, "a1.example"), (10, "a2.example"), (10, "a3.example"), (5, "z.example")];
        let mut orders = BTreeSet::new();
        for seed in 0..200 {
            let hosts = of(&records).in_order(seed);
            assert_eq!(hosts.first(), Some(&host("z.example")));
            assert_eq!(hosts.last(), Some(&host("c.example")));
            assert_eq!(hosts, of(&records).in_order(seed), "the seed decides");
            orders.insert(hosts);
        }
        assert_eq!(orders.len(), 6);
    }

    #[test]
    fn hosts_are_bounded_and_not_repeated() {
        let names: Vec<String> = (0..1000).map(|n| format!("h{n}.example")).collect();
        let records: Vec<(u16, &str)> = names.iter().map(|name| (1, name.as_str())).collect();
        assert_eq!(of(&records).in_order(7).len(), MOST_HOSTS);
        assert_eq!(of(&[(1, "a.example"), (2, "A.example")]).in_order(7), [host("a.example")]);
    }

    #[test]
    fn sets_are_equal_where_the_same_hosts_come_in_the_same_order() {
        let two = of(&[(10, "a.example"), (20, "b.example"), (20, "c.example")]);
        assert_eq!(of(&[(2, "c.example"), (1, "a.example"), (2, "B.example")]), two);
        assert_eq!(of(&[(5, "a.example"), (6, "a.example"), (7, "b.example"), (7, "c.example")]), two);
        for other in [
            of(&[(10, "a.example"), (20, "b.example"), (30, "c.example")]),
            of(&[(10, "a.example"), (10, "b.example"), (20, "c.example")]),
            of(&[(10, "a.example"), (20, "b.example")]),
        ] {
            assert_ne!(other, two);
        }
    }

    #[test]
    fn addresses_take_turns() {
        let v6: Vec<Ipv6Addr> = ["2001:db8::1", "2001:db8::2"].map(|a| a.parse().unwrap()).into();
        let v4: Vec<Ipv4Addr> = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|a| a.parse().unwrap()).into();
        let shown: Vec<String> = interleave(&v6, &v4).iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "192.0.2.3"]);
        assert_eq!(interleave(&[Ipv6Addr::LOCALHOST; 99], &[]).len(), MOST_ADDRESSES);
    }
}
