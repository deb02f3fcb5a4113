use std::net::{IpAddr, Ipv4Addr};

use gatepost_mail::ReversePath;
use gatepost_policy::peer::{PeerFacts, identify};
use gatepost_policy::submission::{SenderFacts, sender};
use serde::Deserialize;

use crate::table::{Answer, Named, Service, Want, WrittenDevice, expect, run as run_table};
use crate::testing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    service: Service,
    client: Option<IpAddr>,
    account: Option<String>,
    from: String,
    owns: Option<Answer>,
    device: Option<WrittenDevice>,
    want: Want,
}

impl Named for Case {
    fn name(&self) -> &str {
        &self.name
    }
}

pub(crate) fn run() -> usize {
    let rules = testing::rules();
    run_table("sender.toml", |case: &Case| {
        let reverse_path = ReversePath::parse(&case.from).unwrap();
        let service = case.service.into();
        let facts = PeerFacts {
            service,
            client: case.client.unwrap_or(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
            account: case.account.as_deref(),
            reverse_path: &reverse_path,
        };
        let peer = identify(&facts, &rules);
        let owns = case.owns.unwrap_or(Answer::No).into();
        let device = &WrittenDevice::fact(case.device.as_ref());
        let facts = SenderFacts { service, peer: &peer, reverse_path: &reverse_path, owns: &owns, device };
        expect(&sender(&facts, &rules), &case.want)
    })
}
