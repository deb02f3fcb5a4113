//! Which exchangers a domain has: asked beside everything else, a bounded number at a time, and remembered a while.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gatepost_mail::Domain;
use gatepost_mail::reply::table;
use gatepost_policy::channel::ChannelPlan;
use gatepost_policy::exchanger::{Candidates, HostSet, candidates};
use gatepost_policy::{Fact, Verdict, retry};
use gatepost_spool::Ticket;
use tokio::time::{Instant, timeout};

use super::fair::{Share, Turns, Whose};
use super::job::{Fate, Job};
use super::room::{Aside, forget_ended};
use crate::office::Current;

/// Most questions at once. No principal has more of them under way than are left.
const MOST_QUESTIONS: usize = 200;
/// How long a question may take, whatever the resolver makes of it.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an answer is remembered: the resolver knows for how long it is valid, and is asked again then.
const FRESH: Duration = Duration::from_secs(60);
/// Most answers remembered; the oldest go first.
const MOST_ANSWERS: usize = 10_000;

/// What is known of a domain.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// Its mail goes to these.
    Hosts(Arc<HostSet>),
    /// Its mail goes nowhere, for now or for good: all its recipients have this fate.
    Nowhere(Fate),
}

/// A job whose site is not known yet.
#[derive(Debug)]
pub(super) struct Homeless {
    pub(super) job: Job,
    pub(super) channel: ChannelPlan,
}

/// What is known of domains, and what waits to be.
#[derive(Debug)]
pub(super) struct Names {
    inside: Mutex<Inside>,
}

#[derive(Debug)]
struct Inside {
    known: HashMap<Domain, Known>,
    /// By age. An entry whose domain was asked about again is out of date.
    ages: VecDeque<(Instant, Domain)>,
    /// Domains that are asked about, or wait to be.
    asked: HashMap<Domain, Asked>,
    /// Messages that were put aside and need not be any more.
    aside: VecDeque<Aside>,
    share: Share,
    waiting: Turns<Domain>,
}

/// What waits for an answer.
#[derive(Debug, Default)]
struct Asked {
    jobs: Vec<Homeless>,
    aside: VecDeque<Aside>,
}

#[derive(Debug)]
struct Known {
    answer: Answer,
    since: Instant,
    until: Instant,
}

/// A question to be asked now.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) domain: Domain,
    whose: Whose,
}

impl Default for Names {
    fn default() -> Self {
        let inside = Inside {
            known: HashMap::new(),
            ages: VecDeque::new(),
            asked: HashMap::new(),
            aside: VecDeque::new(),
            share: Share::of(MOST_QUESTIONS),
            waiting: Turns::default(),
        };
        Self { inside: Mutex::new(inside) }
    }
}

impl Names {
    /// What is known of a domain by now.
    pub(super) fn known(&self, domain: &Domain) -> Option<Answer> {
        let inside = self.inside();
        let known = inside.known.get(domain).filter(|known| Instant::now() < known.until)?;
        Some(known.answer.clone())
    }

    /// Keeps a job until its domain is known. Gives the question, if it is to be asked now by the caller.
    pub(super) fn ask(&self, domain: &Domain, homeless: Homeless) -> Option<Question> {
        let mut inside = self.inside();
        let whose = homeless.job.whose();
        if let Some(waiting) = inside.asked.get_mut(domain) {
            waiting.jobs.push(homeless);
            return None;
        }
        inside.asked.insert(domain.clone(), Asked { jobs: vec![homeless], aside: VecDeque::new() });
        if inside.share.may(whose.principal()) {
            inside.share.take(&whose);
            return Some(Question { domain: domain.clone(), whose });
        }
        inside.waiting.push(whose, domain.clone());
        None
    }

    /// Puts a message aside if its domain has as many jobs as are `left` for its principal; says whether.
    pub(super) fn put_aside(&self, domain: &Domain, ticket: Ticket, left: usize) -> bool {
        let mut inside = self.inside();
        let Some(asked) = inside.asked.get_mut(domain).filter(|asked| asked.jobs.len() >= left) else {
            return false;
        };
        forget_ended(&mut asked.aside);
        asked.aside.push_back(Aside::now(ticket));
        true
    }

    /// At most so many of those that were put aside and whose domains have been answered about.
    pub(super) fn come_in(&self, most: usize) -> Vec<Ticket> {
        let mut inside = self.inside();
        forget_ended(&mut inside.aside);
        let some = inside.aside.len().min(most);
        inside.aside.drain(..some).filter_map(|aside| aside.valid()).collect()
    }

    /// Takes an answer, valid for so long. Gives the jobs that waited for it, and another question to be asked.
    pub(super) fn answered(
        &self,
        question: Question,
        (answer, valid): (Answer, Duration),
    ) -> (Vec<Homeless>, Option<Question>) {
        let mut inside = self.inside();
        let inside = &mut *inside;
        let since = Instant::now();
        inside.ages.push_back((since, question.domain.clone()));
        let Asked { jobs, aside } = inside.asked.remove(&question.domain).unwrap_or_default();
        inside.aside.extend(aside);
        inside.known.insert(question.domain, Known { answer, since, until: since + valid });
        inside.forget_oldest();
        inside.share.give(&question.whose);
        let share = &inside.share;
        let next = inside.waiting.next_of(|principal| share.may(principal));
        let next = next.map(|(whose, domain)| {
            inside.share.take(&whose);
            Question { domain, whose }
        });
        (jobs, next)
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn forget_oldest(&mut self) {
        while self.ages.len() > MOST_ANSWERS {
            let Some((since, domain)) = self.ages.pop_front() else { return };
            if self.known.get(&domain).is_some_and(|known| known.since == since) {
                self.known.remove(&domain);
            }
        }
    }
}

/// Asks DNS and policy about a domain's exchangers. Gives for how long the answer is remembered, too.
pub(super) async fn answer(domain: &Domain, current: &Current) -> (Answer, Duration) {
    let fact = match timeout(PATIENCE, current.resolver.exchangers(domain)).await {
        Ok(answer) => Fact::from(answer),
        Err(_elapsed) => Fact::Unknown("DNS: no answer in time".into()),
    };
    let verdict = candidates(domain, &fact, current.rules());
    match verdict.decision {
        Candidates::Hosts(hosts) => (Answer::Hosts(Arc::new(hosts)), FRESH),
        Candidates::Nobody => (Answer::Nowhere(nowhere(verdict)), FRESH),
        Candidates::Later => {
            // As a site that nobody reached: what comes meanwhile is not worth another question.
            let rest = retry::rest(1, current.rules()).decision;
            (Answer::Nowhere(Fate::Waits(None, verdict.because.into_owned())), rest)
        }
    }
}

fn nowhere(verdict: Verdict<Candidates>) -> Fate {
    let reply = verdict.reply.unwrap_or(table::NO_ROUTE);
    Fate::Failed(reply, verdict.rule.as_str())
}
