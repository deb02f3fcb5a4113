//! From options to what the parts are told: rules that decide and settings that drive. Contradictions between
//! options are found here, all of them at once.

mod auth;
mod delivery;
mod domains;
mod limits;
mod listeners;
mod mechanisms;
mod relay;
mod routes;
mod secret;
mod source;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gatepost_mail::Domain;
use gatepost_mta::net::tls::Acceptor;
use gatepost_mta::settings::{DnsSettings, Settings, TlsFiles};
use gatepost_policy::Rules;
use gatepost_policy::rules::Endpoint;

use super::fault::{Fault, Faults};
use super::options::{Options, TlsOptions};
use super::read::Setting;
use super::source::{Place, Source};
use super::values::FilePath;
pub use source::{EngineSettings, OauthSourceSettings, SourceSettings};

/// What the parts are told.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// For the drivers, with the rules in it.
    pub settings: Settings,
    /// Where spool, accounts, keys and events are.
    pub data_dir: PathBuf,
    /// Where accounts are kept, in the order to ask.
    pub sources: Vec<SourceSettings>,
}

/// What is outside the file and counts all the same.
pub struct Surroundings<'a> {
    /// The machine's own name.
    pub machine: Option<String>,
    /// Reads an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

/// What every part of resolving needs.
struct Resolving<'a> {
    options: &'a Options,
    folder: &'a Path,
    around: &'a Surroundings<'a>,
    faults: &'a mut Faults,
}

/// Decides. `None` when no hostname can be had; other faults are noted, and whoever calls looks at them.
pub fn resolve(
    options: &Options,
    source: &Source,
    around: &Surroundings<'_>,
    faults: &mut Faults,
) -> Option<Configuration> {
    let mut resolving = Resolving { options, folder: source.folder(), around, faults };
    let hostname = resolving.hostname();
    let tls = resolving.certificate();
    let listeners = listeners::resolve(&mut resolving);
    let hosted = domains::resolve(&mut resolving);
    let auth = auth::resolve(&mut resolving, hostname.as_ref());
    let sources = source::resolve(&mut resolving);
    let machines = relay::resolve(&mut resolving);
    let limits = limits::limits(&mut resolving);
    let timeouts = limits::timeouts(&mut resolving);
    let delivery = delivery::resolve(&mut resolving);
    let (routes, logins) = routes::resolve(&mut resolving);
    let rules =
        Rules { hostname: hostname?, hosted, auth, machines, limits, delivery: delivery.rules, routes };
    let settings = Settings {
        rules: Arc::new(rules),
        listeners,
        tls,
        timeouts,
        dns: DnsSettings { servers: resolving.servers() },
        logins,
        trust: resolving.trust(),
        exchanger_port: delivery.exchanger_port,
        chunking: delivery.chunking,
        clock: gatepost_mta::clock::Clock::default(),
    };
    let data_dir = resolving.path(&options.data_dir.value.0);
    Some(Configuration { settings, data_dir, sources })
}

impl Resolving<'_> {
    fn note(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// A path of the file, from the folder that the file is in.
    fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    fn hostname(&mut self) -> Option<Domain> {
        if let Some(written) = &self.options.hostname {
            self.warn_of_single_label(&written.value, written.place.clone());
            return Some(written.value.clone());
        }
        let machine = self.around.machine.as_deref().unwrap_or_default();
        let found = Domain::parse(machine).ok();
        match &found {
            Some(name) => self.warn_of_single_label(name, None),
            None => self.note(
                Fault::error(format!("no `hostname`, and the machine's own name, \"{machine}\", is none"))
                    .mend("add `hostname = \"mail.example.org\"` at the top of the file"),
            ),
        }
        found
    }

    fn warn_of_single_label(&mut self, name: &Domain, place: Option<Place>) {
        if name.ascii().contains('.') {
            return;
        }
        let what = format!("\"{name}\" is not a full host name: other servers may refuse mail from it");
        self.note(Fault::warning(what).at(place, "one word only").mend(
            "write `hostname = \"mail.example.org\"`, the name that this host's address has in the DNS",
        ));
    }

    fn certificate(&mut self) -> Option<TlsFiles> {
        let tls = self.options.tls.as_ref()?;
        let (certificate, private_key) = match (&tls.certificate, &tls.private_key) {
            (Some(certificate), Some(key)) => (certificate, key),
            (None, None) => return None,
            (Some(_), None) => return self.half_a_certificate(tls, "private-key"),
            (None, Some(_)) => return self.half_a_certificate(tls, "certificate"),
        };
        for (name, file) in [("certificate", certificate), ("private-key", private_key)] {
            self.warn_if_missing(&format!("tls.{name}"), &file.value.0, file.place.clone());
        }
        let files = TlsFiles {
            certificate: self.path(&certificate.value.0),
            private_key: self.path(&private_key.value.0),
            client_authorities: self.client_authorities(),
        };
        self.try_pair(&files, certificate.place.clone());
        Some(files)
    }

    /// What is there must work: the server would not start with it, and a reload would be refused.
    fn try_pair(&mut self, files: &TlsFiles, place: Option<Place>) {
        let authorities = files.client_authorities.as_ref().is_none_or(|path| path.exists());
        if !files.certificate.exists() || !files.private_key.exists() || !authorities {
            return;
        }
        if let Err(cause) = Acceptor::load(files) {
            self.note(
                Fault::error("certificate and key cannot be used")
                    .at(place, cause.to_string())
                    .mend("both are PEM files; the key is that of the first certificate in the file"),
            );
        }
    }

    fn half_a_certificate(&mut self, tls: &TlsOptions, missing: &str) -> Option<TlsFiles> {
        self.note(
            Fault::error(format!("[tls] needs `{missing}`"))
                .at(tls.place.clone(), format!("without `{missing}`"))
                .mend(format!("add `{missing} = \"/etc/gatepost/tls/...pem\"`")),
        );
        None
    }

    /// The server reads these files when it starts; the configuration may well be written before them.
    fn warn_if_missing(&mut self, key: &str, path: &Path, place: Option<Place>) {
        let path = self.path(path);
        if let Err(cause) = std::fs::metadata(&path) {
            self.note(
                Fault::warning(format!("`{key}`: {} cannot be read now", path.display()))
                    .at(place, cause.to_string())
                    .mend("put the file there before `gatepost serve`, which will not start without it"),
            );
        }
    }

    fn client_authorities(&mut self) -> Option<PathBuf> {
        let authorities = self.options.tls.as_ref()?.client_authorities.as_ref()?;
        self.warn_if_missing("tls.client-authorities", &authorities.value.0, authorities.place.clone());
        Some(self.path(&authorities.value.0))
    }

    /// A file of certificates that vouch for a source.
    fn trust_file(&mut self, trust: Option<&Setting<FilePath>>) -> Option<PathBuf> {
        let trust = trust?;
        self.warn_if_missing("trust", &trust.value.0, trust.place.clone());
        Some(self.path(&trust.value.0))
    }

    fn trust(&mut self) -> Option<PathBuf> {
        let trust = self.options.tls.as_ref()?.trust.as_ref()?;
        self.warn_if_missing("tls.trust", &trust.value.0, trust.place.clone());
        Some(self.path(&trust.value.0))
    }

    fn servers(&self) -> Vec<std::net::SocketAddr> {
        let servers = self.options.dns.servers.as_ref();
        servers.map(|servers| servers.items.iter().map(|server| server.value).collect()).unwrap_or_default()
    }
}

/// Whether a next hop is on this machine, so that nobody else can listen on the way.
fn is_here(endpoint: &Endpoint) -> bool {
    match endpoint {
        Endpoint::Unix(_) => true,
        Endpoint::Address(address, _) => is_loopback(*address),
        Endpoint::Name(name, _) => name.ascii() == "localhost",
    }
}

/// The same for a host as it is written elsewhere than in a next hop.
fn is_loopback_name(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(is_loopback)
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// The listener of ours that a next hop leads back to.
fn own_listener<'a>(options: &'a Options, endpoint: &Endpoint) -> Option<&'a str> {
    let Endpoint::Address(address, port) = endpoint else { return None };
    let leads_back = |bind: std::net::SocketAddr| {
        bind.port() == *port && (bind.ip() == *address || bind.ip().is_unspecified() && is_loopback(*address))
    };
    let mut entries = options.listener.entries.iter();
    let found = entries.find(|(_, listener)| listener.bind.items.iter().any(|bind| leads_back(bind.value.0)));
    found.map(|(name, _)| name.value.0.as_str())
}
