use gatepost_mail::Mailbox;
use gatepost_mail::header::{HeaderLimits, HeaderScan};
use gatepost_policy::Fact;
use gatepost_policy::submission::{AuthorFacts, author, authors};
use serde::Deserialize;

use crate::table::{Named, Service, Want, WrittenDevice, expect, peer, run as run_table};
use crate::testing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    service: Service,
    peer: String,
    header: Vec<String>,
    #[serde(default)]
    owned: Owned,
    device: Option<WrittenDevice>,
    want: Want,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Owned {
    These(Vec<String>),
    /// "unknown".
    Word(String),
}

impl Default for Owned {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

impl Named for Case {
    fn name(&self) -> &str {
        &self.name
    }
}

pub(crate) fn run() -> usize {
    let rules = testing::rules();
    run_table("author.toml", |case: &Case| {
        let mut scan = HeaderScan::new(HeaderLimits::default());
        let _ = scan.piece(format!("{}\r\n\r\n", case.header.join("\r\n")).as_bytes());
        let header = scan.finish();
        let named = authors(&header.from, &header.sender);
        let foreign: Fact<Option<Mailbox>> = match &case.owned {
            Owned::Word(word) => Fact::Unknown(word.clone()),
            Owned::These(owned) => {
                Fact::Known(named.into_iter().find(|mailbox| !owned.contains(&mailbox.folded())).cloned())
            }
        };
        let Fact::Known(device) = WrittenDevice::fact(case.device.as_ref()) else {
            panic!("a device is known by now")
        };
        let facts = AuthorFacts {
            service: case.service.into(),
            peer: &peer(&case.peer),
            from: &header.from,
            sender: &header.sender,
            foreign: &foreign,
            device: &device,
        };
        expect(&author(&facts, &rules), &case.want)
    })
}
