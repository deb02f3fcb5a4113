//! Delivers a job to another host: host after host, until every recipient has a fate.

use std::collections::BTreeMap;

use gatepost_policy::notice::Happened;
use gatepost_spool::{Outcome, Settled, Spool};

use super::connect::{Lasting, NoLine};
use super::hosts::{Hosts, Next};
use super::job::{Addressee, Fate, Job, Result};
use super::line::Line;
use super::site::{Site, Target};
use super::sites::Presence;
use super::transact::{Attempt, Left, Use, Why, farewell, transact};
use crate::office::Office;

/// Most transactions for one job in one attempt: a server that takes one recipient at a time still gets through
/// a thousand of them.
const MOST_TRANSACTIONS: usize = 2000;

/// What a worker gets back from a job.
pub(super) struct Done {
    /// One for each recipient, but for those that a drain left untried.
    pub(super) results: Vec<Result>,
    /// The line, if it can be used again.
    pub(super) line: Option<Line>,
    /// Why nobody could be reached.
    pub(super) unreachable: Option<NoLine>,
    /// Whether a host broke a line off.
    pub(super) trouble: bool,
}

/// Delivers to another host, over `line` where there is one from the job before. `reached` is called for every
/// new line.
pub(super) async fn deliver<S: Spool, D>(
    office: &Office<S, D>,
    (site, job): (&Site, &Job),
    line: Option<Line>,
    reached: impl Fn() -> Presence,
) -> Done {
    let current = office.current.load_full();
    let mut hosts = Hosts::new((site, job.doubt.as_ref()), current, office.life.clone());
    let mut open = Open::new(site, job);
    let mut results = Vec::new();
    let mut trouble = false;
    let mut line = fitting(office, job, line);
    // A line whose host put recipients off is good for the next job, if no other host gets this one.
    let mut spare: Option<Line> = None;
    loop {
        let used = if line.is_some() { Use::Again } else { Use::First };
        let over = match line.take() {
            Some(line) => line,
            None => match hosts.next().await {
                Next::Line(mut fresh) => {
                    fresh.presence = Some(reached());
                    if let Some(spare) = spare.take() {
                        farewell(office, spare);
                    }
                    *fresh
                }
                Next::Nobody(no_line) => {
                    return Done { line: spare, trouble, ..open.give_up(results, no_line) };
                }
                Next::Draining => return Done { results, line: spare, unreachable: None, trouble },
            },
        };
        let name = over.name.clone();
        let sent = open.send(office, job, (over, used)).await;
        trouble |= sent.trouble;
        results.extend(sent.settled);
        if open.rest.is_empty() {
            return Done { results, line: sent.line, unreachable: None, trouble };
        }
        write_down(office, job, &results).await;
        spare = sent.line;
        match sent.whither {
            Whither::SameHost => hosts.once_more(),
            Whither::NextHost => hosts.leave_out(name),
        }
    }
}

/// The line from the job before, unless another host is to be asked first.
fn fitting<S, D>(office: &Office<S, D>, job: &Job, line: Option<Line>) -> Option<Line> {
    let line = line?;
    if job.doubt.as_ref().is_none_or(|doubt| doubt.line() == line.name) {
        return Some(line);
    }
    farewell(office, line);
    None
}

/// Writes deliveries down before another host is tried: that may take minutes, and a crash must not repeat them.
async fn write_down<S: Spool, D>(office: &Office<S, D>, job: &Job, results: &[Result]) {
    let delivered = results.iter().filter(|result| matches!(result.fate, Fate::Delivered(..)));
    let settled: Vec<Settled> =
        delivered.map(|result| Settled { recipient: result.number, outcome: Outcome::Delivered }).collect();
    if !settled.is_empty() {
        // What fails here is said again, and its trouble told, when the job ends.
        let _ = office.spool.progress(&job.lent.claim, settled).await;
    }
}

/// What came of sending over one line.
struct Sent {
    settled: Vec<Result>,
    /// The line, if it is good.
    line: Option<Line>,
    /// Where the others go.
    whither: Whither,
    /// Whether the host broke the line off.
    trouble: bool,
}

/// Where recipients without a fate go next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whither {
    /// Over a new line to the same host: it was the line that ended, not the host's patience.
    SameHost,
    NextHost,
}

/// Recipients without a fate.
struct Open {
    rest: Vec<Addressee>,
    /// What hosts said about them; words of a host count more than the silence of the next.
    said: BTreeMap<u32, Result>,
    transactions: usize,
    arrives: Happened,
}

impl Open {
    fn new(site: &Site, job: &Job) -> Self {
        let arrives = match site.target {
            // An LMTP server is the mailbox (RFC 2033 section 1).
            Target::Lmtp(_) | Target::Maildir(_) => Happened::Delivered,
            Target::Smtp(_) | Target::Exchangers(_) | Target::Literal(_) => Happened::Relayed,
        };
        Self { rest: job.recipients.clone(), said: BTreeMap::new(), transactions: 0, arrives }
    }

    /// Sends over one line as long as that gets any further.
    async fn send<S: Spool, D>(
        &mut self,
        office: &Office<S, D>,
        job: &Job,
        (line, mut used): (Line, Use),
    ) -> Sent {
        let mut sent =
            Sent { settled: Vec::new(), line: Some(line), whither: Whither::SameHost, trouble: false };
        let mut recipients = std::mem::take(&mut self.rest);
        while !recipients.is_empty() && self.transactions < MOST_TRANSACTIONS {
            let Some(line) = sent.line.take() else { break };
            self.transactions += 1;
            let attempt = Attempt { job, recipients: &recipients, used, arrives: self.arrives };
            let verdict = transact(office, line, &attempt).await;
            sent.trouble |= verdict.is_trouble();
            sent.settled.extend(verdict.settled);
            sent.line = verdict.line;
            recipients = Vec::new();
            for Left { addressee, said, why } in verdict.left {
                self.note(said);
                match why {
                    Why::NoRoom => recipients.push(addressee),
                    Why::Stale => self.rest.push(addressee),
                    Why::PutOff | Why::Lost => {
                        sent.whither = Whither::NextHost;
                        self.rest.push(addressee);
                    }
                }
            }
            used = Use::Again;
        }
        if self.transactions >= MOST_TRANSACTIONS {
            sent.whither = Whither::NextHost;
        }
        self.rest.extend(recipients);
        sent
    }

    fn note(&mut self, said: Result) {
        let spoke = |result: &Result| matches!(result.fate, Fate::Waits(Some(_), _));
        if spoke(&said) || !self.said.get(&said.number).is_some_and(spoke) {
            self.said.insert(said.number, said);
        }
    }

    /// No host is left. What one of them said counts more than that the others could not be reached.
    fn give_up(mut self, mut results: Vec<Result>, no_line: NoLine) -> Done {
        let untried = results.is_empty() && self.said.is_empty();
        for addressee in self.rest {
            let number = addressee.number;
            let silent = || Result::of(number, fate_of(&no_line), &no_line.next_hop);
            results.push(self.said.remove(&number).unwrap_or_else(silent));
        }
        Done { results, line: None, unreachable: untried.then_some(no_line), trouble: false }
    }
}

/// What it means for a recipient that there is no line.
pub(super) fn fate_of(no_line: &NoLine) -> Fate {
    match (no_line.lasting, no_line.reply.clone()) {
        (Lasting::ForGood(rule), Some(reply)) => Fate::Failed(reply, rule),
        (Lasting::ForGood(_) | Lasting::ForNow, reply) => Fate::Waits(reply, no_line.cause.clone()),
    }
}
