//! How the server is set up.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use gatepost_mail::{Domain, Octets};
use gatepost_mta::Settings;
use gatepost_mta::clock::Clock;
use gatepost_mta::settings::{ChunkingUse, DnsSettings, ListenerSettings, ListenerTls, Timeouts};
use gatepost_policy::Rules;
use gatepost_policy::rules::{
    AuthRules, DeliveryRules, Destination, Endpoint, HostedDomain, LimitRules, Machine, PlaintextWithoutTls,
    Ratchet, RecipientRule, RepeatRule, Service, TlsRule,
};
use gatepost_sasl::{NtlmVersions, OauthHelp};
use gatepost_spool::{Disk, Drive, EmbeddedSettings, Simulated};

use crate::names::{self, BEHIND, HOSTNAME, OURS};
use crate::plan::Plan;

/// The server's settings; nothing if a constant of this crate is wrong.
pub(crate) fn server(plan: &Plan) -> Option<Settings> {
    Some(Settings {
        rules: Arc::new(rules(plan)?),
        listeners: vec![
            listener("mx", Service::Mx, names::MX),
            listener("submission", Service::Submission, names::SUBMISSION),
        ],
        tls: None,
        timeouts: timeouts(),
        dns: DnsSettings::default(),
        logins: BTreeMap::new(),
        trust: None,
        exchanger_port: 25,
        chunking: ChunkingUse::WhereProven,
        clock: Clock::default(),
    })
}

/// Shorter than in life, so that a run has room for more.
fn timeouts() -> Timeouts {
    let minutes = |count: u64| Duration::from_secs(60 * count);
    Timeouts {
        command: minutes(2),
        content: minutes(2),
        connect: Duration::from_secs(20),
        greeting: minutes(1),
        reply: minutes(1),
        final_reply: minutes(2),
    }
}

fn listener(name: &str, service: Service, address: std::net::SocketAddr) -> ListenerSettings {
    ListenerSettings { name: name.to_owned(), bind: vec![address], service, tls: ListenerTls::Off }
}

fn rules(plan: &Plan) -> Option<Rules> {
    let [store, behind, ..] = names::HOSTS;
    let lmtp = Destination::Lmtp(Endpoint::Address(store.address.ip(), store.address.port()));
    let smtp = Destination::Smtp(Endpoint::Name(Domain::parse(behind.name).ok()?, behind.address.port()));
    let hosted = |deliver| HostedDomain { deliver, recipients: RecipientRule::Any, postmaster: None };
    let machine = Machine {
        name: "printer".to_owned(),
        networks: vec![names::MACHINES],
        senders: BTreeSet::from([format!("*@{OURS}")]),
        messages_per_hour: many(),
    };
    Some(Rules {
        hostname: Domain::parse(HOSTNAME).ok()?,
        hosted: BTreeMap::from([
            (Domain::parse(OURS).ok()?, hosted(lmtp)),
            (Domain::parse(BEHIND).ok()?, hosted(smtp)),
        ]),
        auth: auth(),
        machines: vec![machine],
        limits: limits(),
        delivery: DeliveryRules {
            retry: [60, 300, 900].map(Duration::from_secs).into(),
            expire: plan.expire,
            warn_after: plan.expire / 4,
            tls: TlsRule::Opportunistic,
        },
        routes: Vec::new(),
    })
}

fn auth() -> AuthRules {
    AuthRules {
        mechanisms: Vec::new(),
        listeners: BTreeMap::new(),
        networks: Vec::new(),
        served: BTreeSet::new(),
        realm: HOSTNAME.to_owned(),
        ntlm: NtlmVersions::Two,
        oauth_help: OauthHelp::default(),
        plaintext_without_tls: PlaintextWithoutTls::Refused,
        failures_before_lockout: many(),
        lockout: Duration::from_secs(900),
        tarpit: Duration::ZERO,
        ratchet: Ratchet::Off,
    }
}

fn limits() -> LimitRules {
    LimitRules {
        message_size: Octets::mib(1),
        recipients_per_message: many(),
        connections: many(),
        connections_per_network: many(),
        account_messages_per_hour: many(),
        account_recipients_per_day: many(),
        received_fields: 50,
        repeated_hand_in: RepeatRule::SameId,
    }
}

fn many() -> NonZeroU32 {
    NonZeroU32::MAX
}

/// Small, so that segments fill and are cleaned in every run, and some messages get files of their own.
pub(crate) fn spool(disk: &Simulated, seed: u64) -> EmbeddedSettings {
    EmbeddedSettings {
        segment: Octets::kib(64),
        inline: Octets::kib(8),
        content: Octets::mib(1),
        draft_memory: Octets::kib(256),
        hot_memory: Octets::kib(32),
        floor: Octets::kib(64),
        spare_segments: 2,
        pinned_segments: 2,
        drive: Drive::Caller,
        disk: Disk::simulated(disk),
        seed: Some(seed),
    }
}
