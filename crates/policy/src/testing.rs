//! Rules for tests: three domains of ours, three machines, small limits.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use gatepost_mail::{Domain, Mailbox, Octets};
use gatepost_sasl::{Mechanism, NtlmVersions, OauthHelp};

use crate::Rules;
use crate::rules::{
    AuthRules, DeliveryRules, Destination, Endpoint, HostedDomain, LimitRules, Machine, Network,
    PlaintextWithoutTls, Ratchet, RecipientRule, RepeatRule, TlsRule,
};

pub(crate) fn rules() -> Rules {
    let listed = RecipientRule::Listed(BTreeSet::from(["ada@listed.example".into()]));
    let behind = Destination::Smtp(Endpoint::Address([10, 0, 0, 5].into(), 25));
    let mut ours = hosted(Destination::Maildir("/mail/{local-part}".into()), RecipientRule::Known);
    ours.postmaster = Mailbox::parse("ops@ours.example").ok();
    Rules {
        hostname: domain("mail.ours.example"),
        hosted: BTreeMap::from([
            (domain("ours.example"), ours),
            (domain("listed.example"), hosted(Destination::Lmtp(Endpoint::Unix("/l".into())), listed)),
            (domain("behind.example"), hosted(behind, RecipientRule::Any)),
        ]),
        auth: AuthRules {
            mechanisms: vec![
                Mechanism::ScramSha256Plus,
                Mechanism::ScramSha256,
                Mechanism::ScramSha1,
                Mechanism::Plain,
                Mechanism::Login,
            ],
            listeners: BTreeMap::from([("devices".into(), vec![Mechanism::External, Mechanism::Login])]),
            networks: vec![
                (Network { address: [10, 0, 0, 0].into(), prefix: 8 }, vec![Mechanism::ScramSha256]),
                (
                    Network { address: [10, 0, 7, 0].into(), prefix: 24 },
                    vec![Mechanism::CramMd5, Mechanism::Login, Mechanism::Gssapi],
                ),
            ],
            // As with the embedded accounts.
            served: Mechanism::ALL.into_iter().filter(|it| *it != Mechanism::Gssapi).collect(),
            realm: "mail.ours.example".into(),
            ntlm: NtlmVersions::Two,
            oauth_help: OauthHelp::default(),
            plaintext_without_tls: PlaintextWithoutTls::Refused,
            failures_before_lockout: number(3),
            lockout: Duration::from_secs(900),
            tarpit: Duration::from_secs(10),
            ratchet: Ratchet::Off,
        },
        machines: vec![
            machine("scanner", "10.0.7.20", &["scanner@ours.example"]),
            machine("door", "10.0.7.20", &["door@ours.example", "*@plant.example"]),
        ],
        limits: limits(),
        delivery: DeliveryRules {
            retry: [5, 15, 30, 60].map(|minutes| Duration::from_secs(60 * minutes)).into(),
            expire: Duration::from_secs(5 * 24 * 3600),
            warn_after: Duration::from_secs(4 * 3600),
            tls: TlsRule::Opportunistic,
        },
        routes: Vec::new(),
    }
}

fn limits() -> LimitRules {
    LimitRules {
        message_size: Octets::mib(50),
        recipients_per_message: number(100),
        connections: number(10),
        connections_per_network: number(3),
        account_messages_per_hour: number(6),
        account_recipients_per_day: number(24),
        received_fields: 50,
        repeated_hand_in: RepeatRule::SameId,
    }
}

fn hosted(deliver: Destination, recipients: RecipientRule) -> HostedDomain {
    HostedDomain { deliver, recipients, postmaster: None }
}

fn machine(name: &str, address: &str, senders: &[&str]) -> Machine {
    Machine {
        name: name.into(),
        networks: vec![Network { address: address.parse().unwrap(), prefix: 32 }],
        senders: senders.iter().map(ToString::to_string).collect(),
        messages_per_hour: number(4),
    }
}

fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}
