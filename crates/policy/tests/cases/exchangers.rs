use gatepost_mail::Domain;
use gatepost_policy::Fact;
use gatepost_policy::exchanger::{Candidates, Exchange, MxAnswer, MxRecord, candidates};
use serde::Deserialize;

use crate::table::{Named, ruled, run as run_table};
use crate::testing;

/// No row has equal preferences that both stay, so every seed gives the same.
const SEED: u64 = 7;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    domain: Option<String>,
    records: Option<Vec<String>>,
    answer: Option<String>,
    want: Want,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Want {
    hosts: Option<Vec<String>>,
    rule: String,
    reply: Option<String>,
}

impl Named for Case {
    fn name(&self) -> &str {
        &self.name
    }
}

pub(crate) fn run() -> usize {
    let rules = testing::rules();
    run_table("exchangers.toml", |case: &Case| {
        let domain = Domain::parse(case.domain.as_deref().unwrap_or("there.example")).unwrap();
        let verdict = candidates(&domain, &answer(case), &rules);
        let hosts = match &verdict.decision {
            Candidates::Hosts(hosts) => Some(hosts.in_order(SEED).iter().map(ToString::to_string).collect()),
            Candidates::Nobody | Candidates::Later => None,
        };
        if hosts != case.want.hosts {
            return Err(format!("{hosts:?}, wanted {:?}", case.want.hosts));
        }
        let is_later = verdict.decision == Candidates::Later;
        assert_eq!(is_later, case.want.reply.as_deref().is_some_and(|reply| reply.starts_with('4')));
        ruled(&verdict, &case.want.rule, case.want.reply.as_deref())
    })
}

fn answer(case: &Case) -> Fact<MxAnswer> {
    match (case.records.as_deref(), case.answer.as_deref()) {
        (Some(records), None) => {
            Fact::Known(MxAnswer::Records(records.iter().map(|text| record(text)).collect()))
        }
        (None, Some("no records")) => Fact::Known(MxAnswer::NoRecords),
        (None, Some("no domain")) => Fact::Known(MxAnswer::NoDomain),
        (None, Some("unknown")) => Fact::Unknown("the resolver is down".into()),
        other => panic!("{}: {other:?}", case.name),
    }
}

fn record(text: &str) -> MxRecord {
    let (preference, host) = text.split_once(' ').unwrap();
    let exchange = match host {
        "." => Exchange::Root,
        host => Domain::parse(host).map_or(Exchange::Unusable, Exchange::Host),
    };
    MxRecord { preference: preference.parse().unwrap(), exchange }
}
