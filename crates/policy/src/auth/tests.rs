use std::num::NonZeroU32;

use gatepost_mail::{Network, Timestamp};

use super::*;
use crate::rules::Ratchet;
use crate::testing;

const SUBMISSION: OfferFacts<'static> = OfferFacts {
    service: Service::Submission,
    listener: "submission",
    client: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
    channel: Channel::Encrypted,
    certificate: ClientCertificate::NotShown,
};
const CLEAR: OfferFacts<'static> = OfferFacts { channel: Channel::Clear, ..SUBMISSION };

fn at(client: &str) -> OfferFacts<'static> {
    OfferFacts { client: client.parse().unwrap(), ..SUBMISSION }
}

#[test]
fn what_is_offered_follows_channel_and_order() {
    use Mechanism::{Login, Plain, ScramSha1, ScramSha256, ScramSha256Plus};
    let mx = OfferFacts { service: Service::Mx, ..SUBMISSION };
    let mut rules = testing::rules();
    assert_eq!(offered(&SUBMISSION, &rules), [ScramSha256Plus, ScramSha256, ScramSha1, Plain, Login]);
    assert_eq!(offered(&CLEAR, &rules), [ScramSha256, ScramSha1]);
    assert_eq!(offered_after_tls(&CLEAR, &rules), [ScramSha256Plus, Plain, Login]);
    assert_eq!(offered(&mx, &rules), []);
    assert_eq!(offered_after_tls(&mx, &rules), []);
    rules.auth.plaintext_without_tls = PlaintextWithoutTls::Allowed;
    assert_eq!(offered(&CLEAR, &rules), [ScramSha256, ScramSha1, Plain, Login]);
    rules.auth.mechanisms = vec![Login, ScramSha1];
    assert_eq!(offered(&SUBMISSION, &rules), [Login, ScramSha1]);
}

/// GSSAPI is named for 10.0.7.0/24, and no source serves it.
#[test]
fn what_is_offered_follows_listener_and_network() {
    use Mechanism::{CramMd5, External, Login, ScramSha256};
    let rules = testing::rules();
    let devices = |client: &str, certificate| OfferFacts { listener: "devices", certificate, ..at(client) };
    let rows = [
        (at("10.9.9.9"), vec![ScramSha256]),
        (at("10.0.7.1"), vec![CramMd5, Login]),
        (at("::ffff:10.0.7.1"), vec![CramMd5, Login]),
        (devices("192.0.2.1", ClientCertificate::Shown), vec![External, Login]),
        (devices("192.0.2.1", ClientCertificate::NotShown), vec![Login]),
        (devices("10.0.7.1", ClientCertificate::Shown), vec![Login]),
        (devices("10.9.9.9", ClientCertificate::Shown), vec![]),
    ];
    for (facts, want) in rows {
        assert_eq!(offered(&facts, &rules), want, "{facts:?}");
    }
    let clear = OfferFacts { channel: Channel::Clear, ..devices("192.0.2.1", ClientCertificate::NotShown) };
    assert_eq!(offered_after_tls(&clear, &rules), [External, Login]);
    assert!(asks_for_certificate(&clear, &rules));
    assert!(!asks_for_certificate(&SUBMISSION, &rules));
    assert!(!asks_for_certificate(&OfferFacts { service: Service::Mx, ..clear }, &rules));
}

/// What is listed can be begun, and nothing else can.
#[test]
fn the_list_and_the_verdict_agree() {
    let rules = testing::rules();
    for service in [Service::Mx, Service::Submission] {
        for channel in [Channel::Clear, Channel::Encrypted] {
            for (listener, client) in
                [("submission", "192.0.2.1"), ("devices", "10.0.7.1"), ("x", "10.9.9.9")]
            {
                for mechanism in Mechanism::ALL {
                    let offer = OfferFacts { service, channel, listener, ..at(client) };
                    let facts = AuthFacts { offer, mechanism, standing: Standing::NEW };
                    let listed = offered(&offer, &rules).contains(&mechanism);
                    assert_eq!(attempt(&facts, &rules).permits(), listed, "{facts:?}");
                }
            }
        }
    }
}

#[test]
fn delays_double_up_to_the_tarpit() {
    let mut rules = testing::rules();
    let delays =
        |rules: &Rules| [0, 1, 2, 3, 4, 5, 6, 7, 40, u32::MAX].map(|count| delay(count, rules).as_millis());
    assert_eq!(delays(&rules), [0, 0, 500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
    rules.auth.tarpit = Duration::ZERO;
    assert_eq!(delays(&rules), [0; 10]);
}

#[test]
fn an_unknown_mechanism_is_answered_with_the_nearest_or_with_all() {
    let mut rules = testing::rules();
    rules.auth.mechanisms =
        vec![Mechanism::ScramSha256, Mechanism::CramMd5, Mechanism::DigestMd5, Mechanism::Plain];
    let says = |name: &str, facts| unknown(name, facts, &rules).reply.unwrap().to_string();
    let lead = "504 5.5.4 This mechanism is not offered; ";
    assert_eq!(says("MD5", &SUBMISSION), format!("{lead}the nearest are: DIGEST-MD5 CRAM-MD5"));
    assert_eq!(says("SCRAM-SHA256", &SUBMISSION), format!("{lead}the nearest are: SCRAM-SHA-256"));
    assert_eq!(
        says("KERBEROS_V4", &SUBMISSION),
        format!("{lead}these are: SCRAM-SHA-256 CRAM-MD5 DIGEST-MD5 PLAIN")
    );
    // What TLS would allow is not offered in the clear, so it is not named either.
    assert_eq!(says("PLAN", &CLEAR), format!("{lead}these are: SCRAM-SHA-256 CRAM-MD5 DIGEST-MD5"));
    rules.auth.mechanisms.clear();
    let says = unknown("PLAIN", &SUBMISSION, &rules).reply.unwrap();
    assert_eq!(says, gatepost_mail::reply::table::UNKNOWN_MECHANISM);
}

#[test]
fn a_user_without_a_domain_gets_one() {
    let mut rules = testing::rules();
    let rows = [
        ("ada@ours.example", "ELSEWHERE.EXAMPLE", "ada@ours.example"),
        ("ada", "Ours.Example", "ada@ours.example"),
        ("ada", "WORKGROUP", "ada"),
        ("ada", "", "ada"),
        ("", "", ""),
    ];
    for (user, domain, want) in rows {
        assert_eq!(login_name(user, domain, &rules), want, "{user} {domain}");
    }
    rules.hosted.retain(|domain, _| domain.ascii() == "ours.example");
    for (domain, want) in
        [("WORKGROUP", "ada@ours.example"), ("", "ada@ours.example"), ("a.example", "ada@a.example")]
    {
        assert_eq!(login_name("ada", domain, &rules), want, "{domain}");
    }
}

/// Facts of a login that nothing holds back.
fn granted(mechanism: Mechanism) -> GrantFacts<'static> {
    GrantFacts {
        mechanism,
        client: "10.0.7.1".parse().unwrap(),
        now: Timestamp::from_micros(1_000_000),
        only_by: &[],
        bound_since: None,
        device: None,
    }
}

const PRINTER: DeviceFacts<'static> =
    DeviceFacts { label: "printer", expires: None, networks: &[], mechanisms: &[] };

fn says(facts: &GrantFacts<'_>, rules: &Rules) -> (&'static str, Option<String>) {
    let verdict = grant(facts, rules);
    let code = verdict.reply.map(|reply| reply.to_string().chars().take(9).collect());
    (verdict.rule.as_str(), code)
}

#[test]
fn a_login_is_used_where_nothing_holds_it_back() {
    use Mechanism::{External, Login, Plain, ScramSha256, ScramSha256Plus};
    let mut rules = testing::rules();
    let weak = Some("534 5.7.9".to_owned());
    assert_eq!(says(&granted(Plain), &rules), ("auth.granted", None));
    let only = GrantFacts { only_by: &[ScramSha256], ..granted(Plain) };
    assert_eq!(says(&only, &rules), ("auth.account-mechanism", weak.clone()));
    assert_eq!(says(&GrantFacts { mechanism: ScramSha256, ..only }, &rules), ("auth.granted", None));
    // A device's own list takes the place of its account's, and one without a list has the account's.
    let device = Some(DeviceFacts { mechanisms: &[Login], ..PRINTER });
    assert_eq!(says(&GrantFacts { device, mechanism: Login, ..only }, &rules), ("auth.granted", None));
    assert_eq!(says(&GrantFacts { device, ..only }, &rules), ("auth.device-mechanism", weak.clone()));
    let device = Some(PRINTER);
    assert_eq!(says(&GrantFacts { device, ..only }, &rules), ("auth.account-mechanism", weak.clone()));
    // The ratchet.
    let bound = GrantFacts { bound_since: Some(Timestamp::from_micros(1)), ..granted(ScramSha256) };
    assert_eq!(says(&bound, &rules), ("auth.granted", None));
    rules.auth.ratchet = Ratchet::On;
    assert_eq!(says(&bound, &rules), ("auth.ratchet", weak));
    assert_eq!(says(&GrantFacts { device, ..bound }, &rules), ("auth.granted", None));
    for mechanism in [ScramSha256Plus, External] {
        assert_eq!(says(&GrantFacts { mechanism, ..bound }, &rules), ("auth.granted", None));
    }
    assert_eq!(says(&granted(ScramSha256), &rules), ("auth.granted", None));
}

#[test]
fn a_device_has_an_end_and_a_place() {
    let rules = testing::rules();
    let hidden = Some("535 5.7.8".to_owned());
    let with = |device| GrantFacts { device: Some(device), ..granted(Mechanism::Plain) };
    let ended = |micros| DeviceFacts { expires: Some(Timestamp::from_micros(micros)), ..PRINTER };
    assert_eq!(says(&with(ended(1_000_001)), &rules), ("auth.granted", None));
    assert_eq!(says(&with(ended(1_000_000)), &rules), ("auth.device-expired", hidden.clone()));
    let here = [Network { address: "10.0.7.0".parse().unwrap(), prefix: 24 }];
    let there = [Network { address: "10.0.8.0".parse().unwrap(), prefix: 24 }];
    assert_eq!(says(&with(DeviceFacts { networks: &here, ..PRINTER }), &rules), ("auth.granted", None));
    let elsewhere = DeviceFacts { networks: &there, ..PRINTER };
    assert_eq!(says(&with(elsewhere), &rules), ("auth.device-elsewhere", hidden));
}

#[test]
fn what_counts_is_the_pair_or_network_and_account() {
    let rules = testing::rules();
    assert_eq!(rules.auth.failures_before_lockout, NonZeroU32::new(3).unwrap());
    assert_eq!(Standing::Stranger { of_network: 2, of_account: 7 }.failures(), 7);
    assert_eq!(Standing::Known { failures: 2 }.failures(), 2);
}
