//! Names to exchangers and addresses. "There are none" and "nobody could say" never look alike here.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use gatepost_mail::Domain;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, Record, RecordType};

use crate::settings::DnsSettings;

/// How long one query may take before it is sent again.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is sent.
const ATTEMPTS: usize = 2;
/// Most answers that are remembered while they are valid.
const CACHE: u64 = 10_000;
/// Most addresses taken of one host.
const ADDRESSES_PER_HOST: usize = 16;
/// Most exchangers taken of one domain.
const EXCHANGERS_PER_DOMAIN: usize = 64;

/// The question could not be answered: ask again later.
#[derive(Debug, Clone, thiserror::Error)]
#[error("DNS: {kind} of {name}: {cause}")]
pub struct ResolveError {
    name: String,
    kind: RecordType,
    cause: String,
}

/// Where a domain's mail goes according to its MX records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchangers {
    /// Its records: preference and host name as they stand; `.` alone is the null MX (RFC 7505).
    Records(Vec<(u16, String)>),
    /// The domain exists, or may, but has no MX record: its own addresses count (RFC 5321 section 5.1).
    None,
    /// There is no such domain.
    NoDomain,
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
    inner: TokioResolver,
}

impl Resolver {
    /// A resolver that asks the named servers, or the system's.
    ///
    /// # Errors
    ///
    /// [`NetError`] if the system's resolver configuration cannot be read.
    pub fn new(settings: &DnsSettings) -> Result<Self, NetError> {
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
        Ok(Self { inner: builder.build()? })
    }

    /// The exchangers of a domain. CNAMEs are followed.
    ///
    /// # Errors
    ///
    /// [`ResolveError`] if nobody could say.
    pub async fn exchangers(&self, domain: &Domain) -> Result<Exchangers, ResolveError> {
        let records = match self.ask(domain.ascii(), RecordType::MX).await? {
            Answer::Records(records) => records,
            Answer::NoData => return Ok(Exchangers::None),
            Answer::NoDomain => return Ok(Exchangers::NoDomain),
        };
        let exchangers: Vec<_> = records
            .iter()
            .filter_map(|record| match &record.data {
                RData::MX(mx) => Some((mx.preference, exchange_name(&mx.exchange.to_ascii()))),
                _ => None,
            })
            .take(EXCHANGERS_PER_DOMAIN)
            .collect();
        Ok(if exchangers.is_empty() { Exchangers::None } else { Exchangers::Records(exchangers) })
    }

    /// The addresses of a host, both kinds; empty if it has none. `localhost` and names in the system's hosts
    /// file count too.
    ///
    /// # Errors
    ///
    /// [`ResolveError`] if nobody could say for either kind and no address is known.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let (v4, v6) = tokio::join!(self.ask(host, RecordType::A), self.ask(host, RecordType::AAAA));
        let mut found = Vec::new();
        let mut failure = None;
        for answer in [v6, v4] {
            match answer {
                Ok(Answer::Records(records)) => found.extend(records.iter().filter_map(address)),
                Ok(Answer::NoData | Answer::NoDomain) => {}
                Err(error) => failure = Some(error),
            }
        }
        found.truncate(ADDRESSES_PER_HOST);
        match failure {
            Some(error) if found.is_empty() => Err(error),
            _ => Ok(found),
        }
    }

    async fn ask(&self, name: &str, kind: RecordType) -> Result<Answer, ResolveError> {
        // With its final dot the name is never tried below a search domain.
        let result = self.inner.lookup(format!("{name}."), kind).await;
        let unknown = |cause: String| ResolveError { name: name.to_owned(), kind, cause };
        match result {
            Ok(lookup) => Ok(Answer::Records(lookup.answers().to_vec())),
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => match none.response_code {
                ResponseCode::NoError => Ok(Answer::NoData),
                ResponseCode::NXDomain => Ok(Answer::NoDomain),
                other => Err(unknown(other.to_string())),
            },
            Err(other) => Err(unknown(other.to_string())),
        }
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

/// `mx.example.org.` → `mx.example.org`; the root stays `.`.
fn exchange_name(name: &str) -> String {
    match name.strip_suffix('.') {
        Some("") | None => name.to_owned(),
        Some(rest) => rest.to_owned(),
    }
}

fn address(record: &Record) -> Option<IpAddr> {
    match &record.data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
        _ => None,
    }
}
