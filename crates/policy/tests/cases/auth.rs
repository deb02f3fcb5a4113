use gatepost_policy::auth::{AuthFacts, attempt};
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
    want: Want,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "kebab-case")]
enum Channel {
    Clear,
    #[default]
    Encrypted,
}

impl Named for Case {
    fn name(&self) -> &str {
        &self.name
    }
}

pub(crate) fn run() -> usize {
    let rules = testing::rules();
    run_table("auth.toml", |case: &Case| {
        let facts = AuthFacts {
            service: case.service.into(),
            channel: match case.channel {
                Channel::Clear => rules::Channel::Clear,
                Channel::Encrypted => rules::Channel::Encrypted,
            },
            mechanism: Mechanism::from_name(&case.mechanism).unwrap(),
            failures_of_network: case.network,
            failures_of_account: case.account,
        };
        expect(&attempt(&facts, &rules), &case.want)
    })
}
