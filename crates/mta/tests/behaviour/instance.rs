//! A server of a test's own, in process: real sockets, real spool, real directory, names from a test zone.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatepost_directory::{Embedded as Accounts, EmbeddedSettings as AccountsSettings, NewAccount};
use gatepost_mail::{Domain, Octets};
use gatepost_mta::event::now;
use gatepost_mta::settings::{DnsSettings, ListenerSettings, ListenerTls, Timeouts, TlsFiles};
use gatepost_mta::{Event, Events, Parts, Server, Settings};
use gatepost_policy::Rules;
use gatepost_policy::rules::{
    AuthRules, DeliveryRules, Destination, HostedDomain, LimitRules, PlaintextWithoutTls, RecipientRule,
    Service, TlsRule,
};
use gatepost_sasl::{Mechanism, Secret};
use gatepost_spool::{Embedded as Queue, EmbeddedSettings as QueueSettings};
use gatepost_testworld::authority::Authority;
use tempfile::TempDir;
use tokio::sync::watch;

/// What we call ourselves.
pub(crate) const HOSTNAME: &str = "mail.ours.example";
/// The domain that we host.
pub(crate) const OURS: &str = "ours.example";
/// The account that everybody uses, and its password.
pub(crate) const ADA: (&str, &str) = ("ada@ours.example", "correct horse");

/// A running server.
pub(crate) struct Instance {
    pub(crate) dir: TempDir,
    pub(crate) server: Server<Queue, Accounts>,
    pub(crate) queue: Arc<Queue>,
    events: watch::Receiver<usize>,
    told: Arc<Mutex<Vec<Event>>>,
}

/// Settings for a server in this folder, to be changed at will.
pub(crate) fn settings(dir: &Path) -> Settings {
    let authority = Authority::new().unwrap();
    let (certificate, private_key) = authority.identity(&[HOSTNAME]).unwrap().write(dir, "server").unwrap();
    let maildir = dir.join("mail/{domain}/{local-part}");
    let hosted = HostedDomain {
        deliver: Destination::Maildir(maildir),
        recipients: RecipientRule::Known,
        postmaster: None,
    };
    Settings {
        rules: Arc::new(rules(BTreeMap::from([(domain(OURS), hosted)]))),
        listeners: [("mx", Service::Mx), ("submission", Service::Submission)].map(listener).into(),
        tls: Some(TlsFiles { certificate, private_key }),
        timeouts: Timeouts::default(),
        dns: DnsSettings::default(),
        logins: BTreeMap::new(),
        trust: None,
        exchanger_port: 25,
    }
}

fn listener((name, service): (&str, Service)) -> ListenerSettings {
    let bind = vec!["127.0.0.1:0".parse().unwrap()];
    ListenerSettings { name: name.to_owned(), bind, service, tls: ListenerTls::StartTls }
}

fn rules(hosted: BTreeMap<Domain, HostedDomain>) -> Rules {
    let count = |count| NonZeroU32::new(count).unwrap();
    let seconds = Duration::from_secs;
    Rules {
        hostname: domain(HOSTNAME),
        hosted,
        auth: AuthRules {
            mechanisms: Mechanism::ALL.into(),
            plaintext_without_tls: PlaintextWithoutTls::Refused,
            failures_before_lockout: count(10),
            lockout: seconds(900),
        },
        machines: Vec::new(),
        limits: LimitRules {
            message_size: Octets::mib(50),
            recipients_per_message: count(1000),
            connections: count(1000),
            connections_per_network: count(100),
            account_messages_per_hour: count(500),
            account_recipients_per_day: count(5000),
            received_fields: 50,
        },
        delivery: DeliveryRules {
            retry: vec![Duration::from_millis(200)],
            expire: seconds(3600),
            warn_after: seconds(600),
            tls: TlsRule::Opportunistic,
        },
        routes: Vec::new(),
    }
}

/// A domain name.
pub(crate) fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

impl Instance {
    /// A server with the usual settings.
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// A server with changed settings.
    pub(crate) fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = settings(dir.path());
        change(&mut settings);
        let (queue, _recovery) =
            Queue::open(&dir.path().join("queue"), QueueSettings::default(), now()).unwrap();
        let accounts = Accounts::open(&dir.path().join("accounts"), AccountsSettings::default()).unwrap();
        accounts.add(&NewAccount::new(ADA.0, Secret::new(ADA.1), now())).unwrap();
        let queue = Arc::new(queue);
        let (events, mut heard) = Events::channel();
        let parts = Parts { spool: queue.clone(), directory: Arc::new(accounts), events };
        let server = Server::start(settings, parts).unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let (count, events) = watch::channel(0);
        let log = told.clone();
        tokio::spawn(async move {
            while let Some(event) = heard.recv().await {
                log.lock().unwrap().push(event);
                count.send_modify(|count| *count += 1);
            }
        });
        Self { dir, server, queue, events, told }
    }

    /// Where a listener listens.
    pub(crate) fn address(&self, listener: &str) -> SocketAddr {
        self.server.addresses().iter().find(|(name, _)| name == listener).unwrap().1
    }

    /// Where a Maildir of ours is.
    pub(crate) fn maildir(&self, local_part: &str) -> gatepost_testworld::maildir::Maildir {
        gatepost_testworld::maildir::Maildir::at(&self.dir.path().join("mail").join(OURS).join(local_part))
    }

    /// Waits until so many events are told that `pick` picks, and gives them as JSON.
    pub(crate) async fn await_events(&mut self, kind: &str, count: usize) -> Vec<serde_json::Value> {
        let told = self.told.clone();
        let found = || {
            let told = told.lock().unwrap();
            let values = told.iter().map(|event| serde_json::to_value(event).unwrap());
            values.filter(|value| value["event"] == kind).collect::<Vec<_>>()
        };
        let waiting = self.events.wait_for(|_| found().len() >= count);
        match tokio::time::timeout(gatepost_testworld::patience::PATIENCE, waiting).await {
            Ok(_) => found(),
            Err(_) => panic!("still waiting for {count} events {kind}: {:#?}", self.told.lock().unwrap()),
        }
    }
}
