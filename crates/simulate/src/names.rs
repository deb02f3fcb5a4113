//! Who is where: names, exchangers, addresses, and the hosts behind them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use gatepost_mail::{Domain, Network};
use gatepost_policy::exchanger::{Exchange, MxAnswer, MxRecord};

/// What the server calls itself.
pub(crate) const HOSTNAME: &str = "mail.ours.example";
/// A domain that it hosts, whose mailboxes an LMTP server has.
pub(crate) const OURS: &str = "ours.example";
/// A domain that it hosts, whose mail it relays to another server.
pub(crate) const BEHIND: &str = "behind.example";
/// A domain elsewhere with two exchangers.
pub(crate) const THERE: &str = "there.example";
/// One with an exchanger that it shares with nobody.
pub(crate) const FAR: &str = "far.example";
/// One without MX records.
pub(crate) const PLAIN: &str = "plain.example";

/// Where mail of other servers is taken.
pub(crate) const MX: SocketAddr = at(0, 1, 25);
/// Where our own people and machines hand in mail.
pub(crate) const SUBMISSION: SocketAddr = at(0, 1, 587);
/// The server, when it connects.
pub(crate) const SERVER: SocketAddr = at(0, 1, 40_000);
/// The network of the machine that may hand in mail.
pub(crate) const MACHINES: Network = Network { address: at(2, 0, 0).ip(), prefix: 16 };

const fn at(network: u8, host: u8, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, network, 0, host)), port)
}

/// The address of a client that is a stranger.
pub(crate) fn stranger(number: u8) -> SocketAddr {
    at(1, number, 50_000)
}

/// The same of a machine that we know.
pub(crate) fn machine(number: u8) -> SocketAddr {
    at(2, number, 50_000)
}

/// A host that takes mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) speaks: Speaks,
    /// For whom it takes mail.
    pub(crate) domain: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Smtp,
    Lmtp,
}

/// All hosts that take mail.
pub(crate) const HOSTS: [Host; 6] = [
    Host { name: "store.ours.example", address: at(3, 1, 24), speaks: Speaks::Lmtp, domain: OURS },
    Host { name: "store.behind.example", address: at(3, 2, 2525), speaks: Speaks::Smtp, domain: BEHIND },
    Host { name: "mx1.there.example", address: at(3, 3, 25), speaks: Speaks::Smtp, domain: THERE },
    Host { name: "mx2.there.example", address: at(3, 4, 25), speaks: Speaks::Smtp, domain: THERE },
    Host { name: "mx.far.example", address: at(3, 5, 25), speaks: Speaks::Smtp, domain: FAR },
    Host { name: "plain.example", address: at(3, 6, 25), speaks: Speaks::Smtp, domain: PLAIN },
];

/// What MX records a domain has.
pub(crate) fn exchangers(domain: &Domain) -> MxAnswer {
    let records: Vec<MxRecord> = match domain.ascii() {
        THERE => {
            [("mx1.there.example", 10), ("mx2.there.example", 20)].into_iter().filter_map(record).collect()
        }
        FAR => [("mx.far.example", 10)].into_iter().filter_map(record).collect(),
        PLAIN => return MxAnswer::NoRecords,
        _ => return MxAnswer::NoDomain,
    };
    MxAnswer::Records(records)
}

fn record((host, preference): (&str, u16)) -> Option<MxRecord> {
    let exchange = Exchange::Host(Domain::parse(host).ok()?);
    Some(MxRecord { preference, exchange })
}

/// The addresses of a host.
pub(crate) fn addresses(host: &Domain) -> Vec<IpAddr> {
    let known = HOSTS.iter().filter(|known| known.name == host.ascii());
    known.map(|known| known.address.ip()).collect()
}
