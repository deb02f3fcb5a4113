//! Who was told what, and who got what: kept by clients and hosts, which see the server from outside only.

use std::collections::BTreeMap;
use std::time::Duration;

use gatepost_spool::Held;

use crate::letter::{Arrived, Letter, Report};
use crate::network::Mark;

/// All that clients and hosts know.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// By their names.
    pub(crate) letters: BTreeMap<String, Sent>,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) reports: Vec<Reported>,
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) lives: Vec<LifeSpan>,
    /// When the disk was full, from and to.
    pub(crate) full: Vec<(Duration, Duration)>,
    /// What is left in the queue at the end.
    pub(crate) queued: Vec<Queued>,
    /// What is wrong for sure, whatever comes.
    pub(crate) wrongs: Vec<Wrong>,
    /// Clients that have more to send.
    pub(crate) busy_clients: u64,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// The message concerned, by its name.
    pub(crate) letter: Option<String>,
    pub(crate) what: String,
}

/// A message, and the tries to hand it in.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) letter: Letter,
    pub(crate) tries: Vec<Try>,
}

/// One try to hand a message in.
#[derive(Debug)]
pub(crate) struct Try {
    /// Those that the server took.
    pub(crate) taken: Vec<String>,
    pub(crate) answer: Answer,
}

/// What a client heard about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 250 to the content.
    Promised(String),
    /// Another reply, at any stage.
    Refused(u16),
    /// All was sent and nothing came back.
    Unknown,
    /// Not all could be sent.
    Unsent,
}

/// One copy for one recipient.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// When the server had written all of its content.
    pub(crate) at: Duration,
    pub(crate) host: &'static str,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) sender: String,
    pub(crate) recipient: String,
    pub(crate) intact: bool,
    /// Whether, and when, the server has read that it was taken.
    pub(crate) told: Mark,
}

/// A report that has arrived.
#[derive(Debug)]
pub(crate) struct Reported {
    pub(crate) to: String,
    pub(crate) report: Report,
    pub(crate) told: Mark,
}

/// A host has refused somebody for good.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Mail of this sender; of anybody without one.
    pub(crate) sender: Option<String>,
    /// A mailbox, or the end of all that are meant.
    pub(crate) recipient: String,
    /// Whether, and when, the server has read it.
    pub(crate) told: Mark,
}

impl Refusal {
    /// Whether it is about mail from and to these.
    pub(crate) fn concerns(&self, sender: &str, recipient: &str) -> bool {
        self.sender.as_ref().is_none_or(|refused| refused == sender) && recipient.ends_with(&self.recipient)
    }
}

/// A message that is in the queue.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) id: String,
    pub(crate) arrived: Arrived,
    /// Those that are not settled.
    pub(crate) waiting: Vec<String>,
    pub(crate) held: Held,
}

/// From start to end of a process.
#[derive(Debug)]
pub(crate) struct LifeSpan {
    pub(crate) began: Duration,
    /// When it could do nothing lasting any more.
    pub(crate) ended: Option<Duration>,
    pub(crate) end: Option<Ending>,
}

/// How a process has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Killed,
    PowerCut,
    /// Its spool had stopped.
    SpoolStopped,
    /// In peace.
    Drained,
}

impl Books {
    pub(crate) fn wrong(&mut self, letter: Option<&str>, what: String) {
        self.wrongs.push(Wrong { letter: letter.map(str::to_owned), what });
    }

    pub(crate) fn tried(&mut self, name: &str, attempt: Try) {
        if let Some(sent) = self.letters.get_mut(name) {
            sent.tries.push(attempt);
        }
    }
}
