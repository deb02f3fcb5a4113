use gatepost_mail::ForwardPath;
use gatepost_policy::Fact;
use gatepost_policy::relay::{Existence, RecipientFacts, existence, hosted, recipient};
use serde::Deserialize;

use crate::table::{Answer, Named, Service, Want, expect, peer, run as run_table};
use crate::testing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    service: Service,
    peer: String,
    to: String,
    hosted: Option<Answer>,
    exists: Option<Answer>,
    want: Want,
}

impl Named for Case {
    fn name(&self) -> &str {
        &self.name
    }
}

pub(crate) fn run() -> usize {
    let rules = testing::rules();
    run_table("relay.toml", |case: &Case| {
        let path = ForwardPath::parse(&case.to).unwrap();
        let exists = match existence(&path, &rules) {
            Existence::Exists => Fact::Known(true),
            Existence::Missing => Fact::Known(false),
            Existence::AskDirectory => {
                Fact::Known(path.mailbox().is_some_and(|mailbox| mailbox.folded() == "ada@ours.example"))
            }
        };
        let facts = RecipientFacts {
            service: case.service.into(),
            peer: &peer(&case.peer),
            path: &path,
            hosted: &case.hosted.map_or_else(|| hosted(&path, &rules), Into::into),
            exists: &case.exists.map_or(exists, Into::into),
        };
        expect(&recipient(&facts, &rules), &case.want)
    })
}
