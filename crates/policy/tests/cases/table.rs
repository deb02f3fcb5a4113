//! What all tables share: how a file is read and a verdict compared.

use std::collections::BTreeSet;
use std::path::PathBuf;

use gatepost_policy::peer::Device;
use gatepost_policy::{Decision, Fact, Peer, Verdict, rules};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A file of cases.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table<C> {
    case: Vec<C>,
}

/// What a verdict must be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Want {
    decision: String,
    rule: String,
    /// How the reply begins; without it there must be none.
    reply: Option<String>,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Service {
    Mx,
    #[default]
    Submission,
}

impl From<Service> for rules::Service {
    fn from(service: Service) -> Self {
        match service {
            Service::Mx => Self::Mx,
            Service::Submission => Self::Submission,
        }
    }
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    Yes,
    No,
    Unknown,
}

impl From<Answer> for Fact<bool> {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Yes => Self::Known(true),
            Answer::No => Self::Known(false),
            Answer::Unknown => Self::Unknown("the directory is down".into()),
        }
    }
}

pub(crate) fn peer(text: &str) -> Peer {
    match text.split_once(' ') {
        Some(("account", name)) => Peer::Account(name.into()),
        Some(("machine", name)) => Peer::Machine(name.into()),
        None if text == "anonymous" => Peer::Anonymous,
        other => panic!("no peer: {other:?}"),
    }
}

/// A device as tables write it: nothing, "gone", "unknown", "free", or the addresses that it may use.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum WrittenDevice {
    These(BTreeSet<String>),
    Word(String),
}

impl WrittenDevice {
    pub(crate) fn fact(written: Option<&Self>) -> Fact<Device> {
        let named = |senders| Device::Named { label: "printer".into(), senders, messages_per_day: None };
        Fact::Known(match written {
            None => Device::None,
            Some(Self::These(senders)) => named(senders.clone()),
            Some(Self::Word(word)) if word == "free" => named(BTreeSet::new()),
            Some(Self::Word(word)) if word == "gone" => Device::Gone,
            Some(Self::Word(word)) if word == "unknown" => {
                return Fact::Unknown("the directory is down".into());
            }
            Some(Self::Word(word)) => panic!("no device: {word}"),
        })
    }
}

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../cases/policy")
}

/// Runs one file and shows every row that fails, not only the first. Gives how many there were.
pub(crate) fn run<C: DeserializeOwned + Named>(
    file: &str,
    check: impl Fn(&C) -> Result<(), String>,
) -> usize {
    let text = std::fs::read_to_string(folder().join(file)).unwrap();
    let table: Table<C> = toml::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let failed: Vec<String> = table
        .case
        .iter()
        .filter_map(|case| check(case).err().map(|why| format!("{}: {why}", case.name())))
        .collect();
    assert!(failed.is_empty(), "{file}:\n{}", failed.join("\n"));
    table.case.len()
}

/// A case has a name.
pub(crate) trait Named {
    fn name(&self) -> &str;
}

pub(crate) fn expect(verdict: &Verdict<Decision>, want: &Want) -> Result<(), String> {
    let decision = verdict.decision.to_string();
    same(verdict, &decision, &want.decision)?;
    ruled(verdict, &want.rule, want.reply.as_deref())
}

pub(crate) fn ruled<D>(verdict: &Verdict<D>, rule: &str, reply: Option<&str>) -> Result<(), String> {
    same(verdict, verdict.rule.as_str(), rule)?;
    match (verdict.reply.as_ref().map(ToString::to_string), reply) {
        (None, None) => Ok(()),
        (Some(said), Some(wanted)) if said.starts_with(&format!("{wanted} ")) => Ok(()),
        (said, wanted) => Err(format!("says {said:?}, wanted {wanted:?}")),
    }
}

pub(crate) fn same<D>(verdict: &Verdict<D>, found: &str, wanted: &str) -> Result<(), String> {
    if verdict.because.is_empty() {
        return Err("gives no reason".into());
    }
    if found == wanted { Ok(()) } else { Err(format!("{found}, wanted {wanted}")) }
}
