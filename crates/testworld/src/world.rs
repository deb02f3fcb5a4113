//! A whole outside in one expression.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::authority::Authority;
use crate::exchanger::Exchanger;
use crate::fault::{Fault, FaultProxy};
use crate::loopback::{Neighbourhood, listen_on_all};
use crate::script::Script;
use crate::zone::{NameServer, Zone};

/// What the outside shall be; [`Plan::start`] makes it so.
#[derive(Debug, Default)]
pub struct Plan {
    zone: String,
    hosts: Vec<Host>,
}

#[derive(Debug)]
struct Host {
    name: String,
    address: Option<IpAddr>,
    manner: Manner,
}

#[derive(Debug)]
enum Manner {
    /// Takes mail by the script.
    Takes(Box<Script>),
    /// The same, over a line with a fault.
    Faulty(Box<Script>, Fault),
    /// Has an address where nobody listens.
    Refuses,
}

/// The running outside. Dropping it ends all of it.
pub struct World {
    names: NameServer,
    zone: String,
    smtp_port: u16,
    exchangers: BTreeMap<String, Exchanger>,
    addresses: BTreeMap<String, IpAddr>,
    /// Kept since dropping one cuts its lines.
    _proxies: Vec<FaultProxy>,
    authority: Authority,
}

impl World {
    /// An empty plan.
    #[expect(clippy::new_ret_no_self, reason = "`World::new()…start()` reads as what it is")]
    #[must_use]
    pub fn new() -> Plan {
        Plan::default()
    }

    /// The name server that knows all names of this world.
    #[must_use]
    pub fn dns(&self) -> SocketAddr {
        self.names.address()
    }

    /// The name server itself, to ask what it was asked.
    #[must_use]
    pub fn names(&self) -> &NameServer {
        &self.names
    }

    /// The port that all exchangers listen on, in place of 25.
    #[must_use]
    pub fn smtp_port(&self) -> u16 {
        self.smtp_port
    }

    /// The exchanger of this name.
    ///
    /// # Errors
    ///
    /// `NotFound` when the plan has none of this name that takes mail.
    pub fn exchanger(&self, name: &str) -> io::Result<&Exchanger> {
        self.exchangers
            .get(name)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no exchanger {name}")))
    }

    /// Vouches for this world's certificates.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Replaces the zone text of the plan; the addresses of the hosts stay.
    ///
    /// # Errors
    ///
    /// `InvalidInput`, naming the line that is none.
    pub fn change_zone(&self, text: &str) -> io::Result<()> {
        self.names.replace(Zone::read(&format!("{text}\n{}", self.zone))?);
        Ok(())
    }

    /// The address of any host of the plan.
    #[must_use]
    pub fn address_of(&self, name: &str) -> Option<IpAddr> {
        self.addresses.get(name).copied()
    }
}

impl Plan {
    /// Adds zone text, in the form that [`crate::zone`] describes.
    #[must_use]
    pub fn zone(mut self, text: &str) -> Self {
        self.zone.push_str(text);
        self.zone.push('\n');
        self
    }

    /// Adds a host that takes mail, with an address record of its own.
    #[must_use]
    pub fn exchanger(self, name: &str, script: Script) -> Self {
        self.host(name, None, Manner::Takes(Box::new(script)))
    }

    /// The same at an address of the caller's choice, such as `::1`.
    #[must_use]
    pub fn exchanger_at(self, name: &str, address: IpAddr, script: Script) -> Self {
        self.host(name, Some(address), Manner::Takes(Box::new(script)))
    }

    /// Adds a host that takes mail over a line with a fault.
    #[must_use]
    pub fn faulty(self, name: &str, script: Script, fault: Fault) -> Self {
        self.host(name, None, Manner::Faulty(Box::new(script), fault))
    }

    /// Adds a host that has an address where nobody listens.
    #[must_use]
    pub fn refuses(self, name: &str) -> Self {
        self.host(name, None, Manner::Refuses)
    }

    fn host(mut self, name: &str, address: Option<IpAddr>, manner: Manner) -> Self {
        self.hosts.push(Host { name: name.trim_end_matches('.').to_owned(), address, manner });
        self
    }

    /// Brings it to life.
    ///
    /// # Errors
    ///
    /// When the zone text is none, or the machine has no port left.
    pub async fn start(self) -> io::Result<World> {
        let addresses = self.addresses();
        let mut zone = String::new();
        for (host, address) in self.hosts.iter().zip(&addresses) {
            let record_type = if address.is_ipv4() { "A" } else { "AAAA" };
            zone.push_str(&format!("{}. {record_type} {address}\n", host.name));
        }
        let names = NameServer::start(Zone::read(&format!("{}\n{zone}", self.zone))?).await?;
        let (smtp_port, listeners) = listen_on_all(&addresses).await?;
        let named = self.hosts.iter().map(|host| host.name.clone()).zip(addresses);
        let addresses = named.collect();
        let mut proxies = Vec::new();
        let mut exchangers = BTreeMap::new();
        for (host, listener) in self.hosts.into_iter().zip(listeners) {
            let exchanger = match host.manner {
                Manner::Refuses => continue,
                Manner::Takes(script) => Exchanger::serve(listener, *script)?,
                Manner::Faulty(script, fault) => {
                    let exchanger = Exchanger::start(*script).await?;
                    proxies.push(FaultProxy::serve(listener, exchanger.address(), fault)?);
                    exchanger
                }
            };
            exchangers.insert(host.name, exchanger);
        }
        let authority = Authority::new()?;
        Ok(World { names, zone, smtp_port, exchangers, addresses, _proxies: proxies, authority })
    }

    /// One address per host; the port must be free on all, also where nobody will listen.
    fn addresses(&self) -> Vec<IpAddr> {
        let neighbourhood = Neighbourhood::new();
        let numbered = self.hosts.iter().zip(1_u8..=u8::MAX);
        numbered.map(|(host, number)| host.address.unwrap_or(neighbourhood.address(number))).collect()
    }
}

#[cfg(test)]
mod tests;
