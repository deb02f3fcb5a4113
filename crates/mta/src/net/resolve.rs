//! Names to exchangers and addresses. "There are none" and "nobody could say" never look alike here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gatepost_mail::Domain;
use gatepost_policy::exchanger::{Exchange, MxAnswer, MxRecord, interleave};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, Record, RecordType};

use crate::outside::{Outside, World};
use crate::settings::DnsSettings;

/// How long one query may take before it is sent again.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is sent.
const ATTEMPTS: usize = 2;
/// Most answers that are remembered while they are valid.
const CACHE: u64 = 10_000;
/// Most exchangers taken of one domain.
const EXCHANGERS_PER_DOMAIN: usize = 64;

/// The question could not be answered: ask again later.
#[derive(Debug, Clone, thiserror::Error)]
#[error("DNS: {kind} of {name}: {cause}")]
pub struct ResolveError {
    /// Whose records were asked for.
    pub name: String,
    /// Which kind.
    pub kind: RecordType,
    /// Why nobody could say.
    pub cause: String,
}

/// The answers of one question.
enum Answer {
    Records(Vec<Record>),
    NoData,
    NoDomain,
}

/// Asks resolvers, and remembers what they said for as long as it is valid.
#[derive(Debug, Clone)]
pub struct Resolver {
    inner: Inner,
}

#[derive(Debug, Clone)]
enum Inner {
    Asks(Box<TokioResolver>),
    Given(Arc<dyn World>),
}

impl Resolver {
    /// A resolver that asks the named servers, or the system's.
    ///
    /// # Errors
    ///
    /// [`NetError`] if the system's resolver configuration cannot be read.
    pub fn new(settings: &DnsSettings, outside: &Outside) -> Result<Self, NetError> {
        if let Some(world) = outside.world() {
            return Ok(Self { inner: Inner::Given(world.clone()) });
        }
        let mut builder = if settings.servers.is_empty() {
            TokioResolver::builder_tokio()?
        } else {
            let servers = settings.servers.iter().map(name_server).collect();
            let config = ResolverConfig::from_parts(None, Vec::new(), servers);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        let options = builder.options_mut();
        options.timeout = PATIENCE;
        options.attempts = ATTEMPTS;
        options.cache_size = CACHE;
        options.ndots = 0;
        Ok(Self { inner: Inner::Asks(Box::new(builder.build()?)) })
    }

    /// What the domain's MX records say. CNAMEs are followed.
    ///
    /// # Errors
    ///
    /// [`ResolveError`] if nobody could say.
    pub async fn exchangers(&self, domain: &Domain) -> Result<MxAnswer, ResolveError> {
        let resolver = match &self.inner {
            Inner::Asks(resolver) => resolver,
            Inner::Given(world) => return world.exchangers(domain).await,
        };
        let records = match ask(resolver, domain.ascii(), RecordType::MX).await? {
            Answer::Records(records) => records,
            Answer::NoData => return Ok(MxAnswer::NoRecords),
            Answer::NoDomain => return Ok(MxAnswer::NoDomain),
        };
        let found: Vec<_> = records.iter().filter_map(exchanger).take(EXCHANGERS_PER_DOMAIN).collect();
        Ok(if found.is_empty() { MxAnswer::NoRecords } else { MxAnswer::Records(found) })
    }

    /// The addresses of a host, best first; empty if it has none.
    ///
    /// # Errors
    ///
    /// [`ResolveError`] if nobody could say for one kind and no address of the other is known.
    pub async fn addresses(&self, host: &Domain) -> Result<Vec<IpAddr>, ResolveError> {
        let resolver = match &self.inner {
            Inner::Asks(resolver) => resolver,
            Inner::Given(world) => return world.addresses(host).await,
        };
        let name = host.ascii();
        let (v4, v6) =
            tokio::join!(ask(resolver, name, RecordType::A), ask(resolver, name, RecordType::AAAA));
        let (mut four, mut six, mut failure) = (Vec::new(), Vec::new(), None);
        for answer in [v4, v6] {
            match answer {
                Ok(Answer::Records(records)) => sort_addresses(&records, &mut four, &mut six),
                Ok(Answer::NoData | Answer::NoDomain) => {}
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) if four.is_empty() && six.is_empty() => Err(error),
            _ => Ok(interleave(&six, &four)),
        }
    }
}

async fn ask(resolver: &TokioResolver, name: &str, kind: RecordType) -> Result<Answer, ResolveError> {
    // With its final dot the name is never tried below a search domain.
    let result = resolver.lookup(format!("{name}."), kind).await;
    let unknown = |cause: String| ResolveError { name: name.to_owned(), kind, cause };
    match result {
        Ok(lookup) => Ok(Answer::Records(lookup.answers().to_vec())),
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
            if none.response_code == ResponseCode::NoError {
                Ok(Answer::NoData)
            } else if none.response_code == ResponseCode::NXDomain {
                Ok(Answer::NoDomain)
            } else {
                Err(unknown(none.response_code.to_string()))
            }
        }
        Err(other) => Err(unknown(other.to_string())),
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let at_port = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    let connections = vec![at_port(ConnectionConfig::udp()), at_port(ConnectionConfig::tcp())];
    NameServerConfig::new(address.ip(), true, connections)
}

fn exchanger(record: &Record) -> Option<MxRecord> {
    let RData::MX(mx) = &record.data else { return None };
    let name = mx.exchange.to_ascii();
    let exchange = match name.strip_suffix('.').unwrap_or(&name) {
        "" => Exchange::Root,
        host => Domain::parse(host).map_or(Exchange::Unusable, Exchange::Host),
    };
    Some(MxRecord { preference: mx.preference, exchange })
}

fn sort_addresses(records: &[Record], four: &mut Vec<Ipv4Addr>, six: &mut Vec<Ipv6Addr>) {
    for record in records {
        if let RData::A(a) = &record.data {
            four.push(a.0);
        } else if let RData::AAAA(aaaa) = &record.data {
            six.push(aaaa.0);
        }
    }
}
