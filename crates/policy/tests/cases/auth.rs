use std::net::IpAddr;

use gatepost_policy::auth::{AuthFacts, ClientCertificate, OfferFacts, Standing, attempt};
use gatepost_policy::rules;
use gatepost_sasl::Mechanism;
use serde::Deserialize;

use crate::table::{Named, Service, Want, expect, run as run_table};
use crate::testing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    service: Service,
    mechanism: String,
    #[serde(default)]
    channel: Channel,
    #[serde(default)]
    network: u32,
    #[serde(default)]
    account: u32,
    /// Failures of a pair that is known; takes the place of the two above.
    pair: Option<u32>,
    #[serde(default = "submission")]
    listener: String,
    #[serde(default = "outside")]
    client: IpAddr,
    #[serde(default)]
    certificate: Certificate,
    want: Want,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "kebab-case")]
enum Channel {
    Clear,
    #[default]
    Encrypted,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "kebab-case")]
enum Certificate {
    Shown,
    #[default]
    NotShown,
}

fn submission() -> String {
    "submission".into()
}

fn outside() -> IpAddr {
    IpAddr::from([192, 0, 2, 1])
}

impl Named for Case {
    fn name(&self) -> &str {
        &self.name
    }
}

pub(crate) fn run() -> usize {
    let rules = testing::rules();
    run_table("auth.toml", |case: &Case| {
        let offer = OfferFacts {
            service: case.service.into(),
            listener: &case.listener,
            client: case.client,
            channel: match case.channel {
                Channel::Clear => rules::Channel::Clear,
                Channel::Encrypted => rules::Channel::Encrypted,
            },
            certificate: match case.certificate {
                Certificate::Shown => ClientCertificate::Shown,
                Certificate::NotShown => ClientCertificate::NotShown,
            },
        };
        let stranger = Standing::Stranger { of_network: case.network, of_account: case.account };
        let standing = case.pair.map_or(stranger, |failures| Standing::Known { failures });
        let mechanism = Mechanism::from_name(&case.mechanism).unwrap();
        expect(&attempt(&AuthFacts { offer, mechanism, standing }, &rules), &case.want)
    })
}
