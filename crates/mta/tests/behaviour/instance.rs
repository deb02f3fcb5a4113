//! A server of a test's own, in process: real sockets, real spool, real directory, names from a test zone.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatepost_directory::{
    Directories, Directory, Embedded as Accounts, EmbeddedSettings as AccountsSettings, NewAccount,
};
use gatepost_mail::{
    Body, Domain, Ending, Envelope, ForwardPath, International, Octets, Principal, Recipient, ReversePath,
    SessionId, SpoolId,
};
use gatepost_mta::clock::Clock;
use gatepost_mta::event::now;
use gatepost_mta::outside::Outside;
use gatepost_mta::settings::{ChunkingUse, DnsSettings, ListenerSettings, ListenerTls, Timeouts, TlsFiles};
use gatepost_mta::{Event, Events, Parts, Server, Settings};
use gatepost_policy::Rules;
use gatepost_policy::rules::{
    AuthRules, DeliveryRules, Destination, HostedDomain, LimitRules, PlaintextWithoutTls, Ratchet,
    RecipientRule, RepeatRule, Service, TlsRule,
};
use gatepost_sasl::{Mechanism, NtlmVersions, OauthHelp, Secret};
use gatepost_spool::{Draft, Embedded as Queue, EmbeddedSettings as QueueSettings, Entry, Spool, Stats};
use gatepost_testworld::authority::Authority;
use gatepost_testworld::exchanger::{Exchanger, Message};
use gatepost_testworld::patience::{PATIENCE, until};
use gatepost_testworld::world::World;
use tempfile::TempDir;
use tokio::sync::watch;

/// What we call ourselves.
pub(crate) const HOSTNAME: &str = "mail.ours.example";
/// The domain that we host.
pub(crate) const OURS: &str = "ours.example";
/// The account that everybody uses, and its password.
pub(crate) const ADA: (&str, &str) = ("ada@ours.example", "correct horse");

/// A running server.
pub(crate) struct Instance<D = Directories> {
    pub(crate) dir: TempDir,
    pub(crate) server: Server<Queue, D>,
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
        tls: Some(TlsFiles { certificate, private_key, client_authorities: None }),
        timeouts: Timeouts::default(),
        dns: DnsSettings::default(),
        logins: BTreeMap::new(),
        trust: None,
        exchanger_port: 25,
        chunking: ChunkingUse::WhereProven,
        clock: Clock::default(),
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
            listeners: BTreeMap::new(),
            networks: Vec::new(),
            served: Mechanism::ALL.into(),
            realm: HOSTNAME.into(),
            ntlm: NtlmVersions::Two,
            oauth_help: OauthHelp::default(),
            plaintext_without_tls: PlaintextWithoutTls::Refused,
            failures_before_lockout: count(10),
            lockout: seconds(900),
            tarpit: Duration::ZERO,
            ratchet: Ratchet::Off,
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
            repeated_hand_in: RepeatRule::SameId,
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

/// Settings for mail to this world: its names, its port, and no long waits.
pub(crate) fn facing(world: &World) -> impl FnOnce(&mut Settings) + use<> {
    let (dns, port) = (world.dns(), world.smtp_port());
    move |settings| {
        settings.dns.servers = vec![dns];
        settings.exchanger_port = port;
        let short = Duration::from_secs(2);
        settings.timeouts = Timeouts { connect: short, greeting: short, ..Timeouts::default() };
    }
}

/// Changes the rules.
pub(crate) fn rule(settings: &mut Settings, change: impl FnOnce(&mut Rules)) {
    change(Arc::make_mut(&mut settings.rules));
}

/// The messages that a host took for somebody. A lone dot, which ends a transaction whose recipients it refused
/// behind our back, is none.
pub(crate) fn taken(exchanger: &Exchanger) -> Vec<Arc<Message>> {
    let messages = exchanger.messages();
    messages.into_iter().filter(|message| !message.recipients.is_empty()).collect()
}

/// A message to put into the queue.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    pub(crate) envelope: Envelope,
    pub(crate) content: Vec<u8>,
}

/// A short message of Ada's.
pub(crate) fn mail(to: &[&str]) -> Mail {
    let recipient = |to: &&str| Recipient::new(ForwardPath::parse(&format!("<{to}>")).unwrap());
    let envelope = Envelope {
        reverse_path: ReversePath::parse(&format!("<{}>", ADA.0)).unwrap(),
        recipients: to.iter().map(recipient).collect(),
        body: Body::SevenBit,
        ending: Ending::Line,
        international: International::No,
        returns: None,
        envelope_id: None,
        principal: Principal::Account(ADA.0.to_owned()),
        session: SessionId::from_number(1),
        received: now(),
    };
    Mail { envelope, content: b"From: ada@ours.example\r\nSubject: a test\r\n\r\nHello\r\n".to_vec() }
}

/// Puts a message into a queue, as a session would.
pub(crate) async fn hand_in(queue: &Queue, mail: &Mail) -> SpoolId {
    let mut draft = queue.draft().await.unwrap();
    draft.write(&mail.content).await.unwrap();
    draft.commit(mail.envelope.clone(), now()).await.unwrap().id()
}

impl Mail {
    /// The same from somebody else; empty for nobody.
    pub(crate) fn from(mut self, sender: &str) -> Self {
        self.envelope.reverse_path = ReversePath::parse(&format!("<{sender}>")).unwrap();
        self
    }

    /// The same with other content.
    pub(crate) fn with(mut self, content: &[u8]) -> Self {
        self.content = content.to_vec();
        self
    }
}

impl Instance {
    /// A server with the usual settings.
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// A server with changed settings.
    pub(crate) fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), change)
    }

    /// A server for this world.
    pub(crate) fn facing(world: &World) -> Self {
        Self::start_with(facing(world))
    }

    /// A server on a folder that may have been another's before.
    pub(crate) fn start_in(dir: TempDir, change: impl FnOnce(&mut Settings)) -> Self {
        let accounts = Accounts::open(&dir.path().join("accounts"), AccountsSettings::default()).unwrap();
        // It is there already in a folder of another's.
        let _ = accounts.add(&NewAccount::new(ADA.0, Secret::new(ADA.1), now()));
        Self::start_on(dir, Arc::new(Directories::embedded(Arc::new(accounts))), change)
    }
}

impl<D: Directory> Instance<D> {
    /// A server with a directory of the test's own.
    pub(crate) fn start_on(dir: TempDir, directory: Arc<D>, change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_within(Outside::default(), dir, directory, change)
    }

    /// The same in a world of the test's own.
    pub(crate) fn start_within(
        outside: Outside,
        dir: TempDir,
        directory: Arc<D>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = settings(dir.path());
        change(&mut settings);
        let (queue, _recovery) =
            Queue::open(&dir.path().join("queue"), QueueSettings::default(), now()).unwrap();
        let queue = Arc::new(queue);
        let (events, mut heard) = Events::channel();
        let parts = Parts { spool: queue.clone(), directory, events, outside };
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

    /// Ends it, which all of its tasks must have done by themselves in time, and gives its folder.
    pub(crate) async fn stop(self) -> TempDir {
        assert!(self.server.drain(PATIENCE).await, "something was broken off");
        self.dir
    }

    /// Puts a message into the queue, as a session would.
    pub(crate) async fn hand_in(&self, mail: &Mail) -> SpoolId {
        hand_in(&self.queue, mail).await
    }

    /// Waits until the queue has a message back from its worker.
    pub(crate) async fn await_back(&self, id: SpoolId) {
        self.await_entry(id, "the worker to give the message back", |entry| entry.leased.is_none()).await;
    }

    /// Waits until a message is so in the queue.
    pub(crate) async fn await_entry(&self, id: SpoolId, what: &str, enough: impl Fn(&Entry) -> bool) {
        let runtime = tokio::runtime::Handle::current();
        let entry = || tokio::task::block_in_place(|| runtime.block_on(self.queue.entry(id))).unwrap();
        let is_so = || Ok(entry().is_some_and(|entry| enough(&entry)).then_some(()));
        until(what, PATIENCE, is_so).await.unwrap();
    }

    /// Waits until the queue is so.
    pub(crate) async fn await_stats(&self, what: &str, enough: impl Fn(&Stats) -> bool) {
        let runtime = tokio::runtime::Handle::current();
        let stats = || tokio::task::block_in_place(|| runtime.block_on(self.queue.stats()));
        until(what, PATIENCE, || Ok(enough(&stats()).then_some(()))).await.unwrap();
    }

    /// Where a listener listens.
    pub(crate) fn address(&self, listener: &str) -> SocketAddr {
        self.server.addresses().iter().find(|(name, _)| name == listener).unwrap().1
    }

    /// Where a Maildir of ours is.
    pub(crate) fn maildir(&self, local_part: &str) -> gatepost_testworld::maildir::Maildir {
        gatepost_testworld::maildir::Maildir::at(&self.dir.path().join("mail").join(OURS).join(local_part))
    }

    /// The events of a kind so far, as JSON.
    pub(crate) fn events(&self, kind: &str) -> Vec<serde_json::Value> {
        let told = self.told.lock().unwrap();
        let values = told.iter().map(|event| serde_json::to_value(event).unwrap());
        values.filter(|value| value["event"] == kind).collect()
    }

    /// Waits until so many events of a kind are told, and gives them as JSON.
    pub(crate) async fn await_events(&self, kind: &str, count: usize) -> Vec<serde_json::Value> {
        let mut events = self.events.clone();
        let waiting = events.wait_for(|_| self.events(kind).len() >= count);
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(_) => self.events(kind),
            Err(_) => panic!("still waiting for {count} events {kind}: {:#?}", self.told.lock().unwrap()),
        }
    }

    /// Waits until so many messages have left the queue.
    pub(crate) async fn await_finished(&self, count: usize) {
        self.await_events("finished", count).await;
    }
}
