//! Delivers a job to another host: line after line, until every recipient has a fate.

use std::collections::VecDeque;
use std::sync::Arc;

use gatepost_spool::Spool;

use super::connect::{Candidate, Lasting, NoLine, find, open};
use super::job::{Addressee, Fate, Job, Result};
use super::line::Line;
use super::site::Site;
use super::transact::{Attempt, Verdict, transact};
use crate::office::{Current, Office};

/// Most transactions for one job in one attempt: a server that takes one recipient at a time still gets through
/// a thousand of them.
const MOST_TRANSACTIONS: usize = 2000;

/// What a worker gets back from a job.
pub(super) struct Done {
    pub(super) results: Vec<Result>,
    /// The line, if it can be used again.
    pub(super) line: Option<Line>,
    /// Why nobody could be reached: then the site's other jobs need not try now.
    pub(super) unreachable: Option<NoLine>,
}

/// Delivers to another host, over `line` where there is one from the job before.
pub(super) async fn deliver<S: Spool, D>(
    office: &Office<S, D>,
    site: &Site,
    job: &Job,
    line: Option<Line>,
) -> Done {
    let current = office.current.load_full();
    let mut hosts = Hosts { site, current, found: None };
    let mut done = Done { results: Vec::new(), line, unreachable: None };
    let mut open: Vec<Addressee> = job.recipients.clone();
    // What the last host said of those still open.
    let mut said: Vec<Result> = Vec::new();
    for _ in 0..MOST_TRANSACTIONS {
        let reused = done.line.is_some();
        let line = match done.line.take() {
            Some(line) => line,
            None => match hosts.next_line().await {
                Ok(line) => line,
                Err(no_line) => {
                    done.give_up(&job_of(job, open), said, no_line);
                    return done;
                }
            },
        };
        let attempt = Attempt { job, recipients: &open, hosts_left: hosts.has_more(), reused };
        let Verdict { settled, again, said: words, line } = transact(office, line, &attempt).await;
        done.results.extend(settled);
        done.line = line;
        (open, said) = (again, words);
        if open.is_empty() {
            return done;
        }
    }
    done.results.extend(said);
    done
}

impl Done {
    /// No host is left. What one of them said counts more than that the others could not be reached.
    fn give_up(&mut self, open: &Job, said: Vec<Result>, no_line: NoLine) {
        if said.is_empty() {
            self.results.extend(open.all(&fate_of(&no_line), &no_line.next_hop));
            self.unreachable = Some(no_line);
        } else {
            self.results.extend(said);
        }
    }
}

/// What it means for a recipient that there is no line.
pub(super) fn fate_of(no_line: &NoLine) -> Fate {
    match (no_line.lasting, no_line.reply.clone()) {
        (Lasting::ForGood(rule), Some(reply)) => Fate::Failed(reply, rule),
        (Lasting::ForGood(_) | Lasting::ForNow, reply) => Fate::Waits(reply, no_line.cause.clone()),
    }
}

fn job_of(job: &Job, recipients: Vec<Addressee>) -> Job {
    Job { lent: job.lent.clone(), recipients }
}

/// The hosts of a site, looked up when the first is needed.
struct Hosts<'a> {
    site: &'a Site,
    current: Arc<Current>,
    found: Option<VecDeque<Candidate>>,
}

impl Hosts<'_> {
    fn has_more(&self) -> bool {
        self.found.as_ref().is_none_or(|left| !left.is_empty())
    }

    /// A line to the next host that can be reached.
    async fn next_line(&mut self) -> std::result::Result<Line, NoLine> {
        if self.found.is_none() {
            self.found = Some(find(self.site, &self.current).await?);
        }
        let mut trouble = NoLine::for_now(self.site.target.to_string(), "no host is left to try");
        while let Some(candidate) = self.found.as_mut().and_then(VecDeque::pop_front) {
            match open(&candidate, self.site, &self.current).await {
                Ok(line) => return Ok(line),
                Err(no_line) => trouble = no_line,
            }
        }
        Err(trouble)
    }
}
