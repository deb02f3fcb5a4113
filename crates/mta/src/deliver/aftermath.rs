//! What follows an attempt: who is told, what comes next, and the spool's record of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use gatepost_mail::reply::{Class, table};
use gatepost_mail::{Recipient, Reply, SpoolId, Timestamp};
use gatepost_policy::notice::{Happened, Notice, due};
use gatepost_policy::retry::{Answer, Next, RetryFacts, Warn, next};
use gatepost_policy::{Rules, retry};
use gatepost_spool::{Due, Outcome, Settled, Spool, SpoolError, Warned};

use super::doubt::Doubt;
use super::job::{Fate, Lent, Result};
use super::report::{Entry, report};
use crate::event::{What, quoted, shown};
use crate::office::Office;

/// Ends a job: tells what came of it, sends the reports that are due, and settles with the spool. Reports are
/// on stable storage before their cause is settled: a crash between the two sends one twice, never none.
pub(super) async fn conclude<S: Spool, D>(office: &Office<S, D>, lent: &Arc<Lent>, results: Vec<Result>) {
    let current = office.current.load_full();
    let at = office.now();
    let mut settled = Vec::with_capacity(results.len());
    let mut notices = Vec::new();
    for result in &results {
        let (outcome, notice) = judge(office, lent, result, (at, current.rules()));
        settled.push(Settled { recipient: result.number, outcome });
        notices.extend(notice);
    }
    if !notices.is_empty()
        && let Err(error) = report(office, &current, lent, &notices).await
    {
        // Without its report a failure must not become final, and a warning counts as not given.
        trouble(office, lent.claim.id, &error);
        settled = postponed(lent, &results, (current.rules(), at));
    }
    settle(office, lent, settled).await;
}

async fn settle<S: Spool, D>(office: &Office<S, D>, lent: &Arc<Lent>, settled: Vec<Settled>) {
    if settled.iter().any(|settled| matches!(settled.outcome, Outcome::Again { .. })) {
        lent.waits.store(true, Ordering::Release);
    }
    // With one job open, this one, nobody else settles any more.
    let mut last = lent.open.end_the_last();
    let result = if last {
        office.spool.settle(lent.claim.clone(), settled).await
    } else {
        let waiting = waiting_meanwhile(lent, &settled);
        let progress = office.spool.progress(&lent.claim, settled).await;
        for (due, recipient) in waiting {
            lent.agenda.add(due, lent, recipient);
        }
        last = lent.open.end_one();
        if last { office.spool.settle(lent.claim.clone(), Vec::new()).await } else { progress }
    };
    match result {
        Err(error) => trouble(office, lent.claim.id, &error),
        Ok(()) if last => tell_end(office, lent).await,
        Ok(()) => {}
    }
}

/// Notes what came of those that wait while their message is with others' sites, and says when they are due.
fn waiting_meanwhile(lent: &Lent, settled: &[Settled]) -> Vec<(Timestamp, u32)> {
    let mut waiting = Vec::new();
    for settled in settled {
        let Outcome::Again { due, why, warned } = &settled.outcome else { continue };
        let recipient = settled.recipient;
        let attempts = lent.due(recipient).map_or(0, |due| due.attempts).saturating_add(1);
        let later = Due { recipient, attempts, last: Some(why.clone()), warned: *warned };
        lent.later().insert(recipient, later);
        waiting.push((*due, recipient));
    }
    waiting
}

/// Ends a job that is not ours any more: the message was removed, is held, or another worker has it.
pub(super) async fn let_go<S: Spool, D>(office: &Office<S, D>, lent: &Lent) {
    lent.waits.store(true, Ordering::Release);
    if lent.open.end_one() {
        // What is held is free for when it is released. That it is not ours is no trouble.
        let _ = office.spool.settle(lent.claim.clone(), Vec::new()).await;
    }
}

/// Tells that a message has left the queue, if it has.
async fn tell_end<S: Spool, D>(office: &Office<S, D>, lent: &Lent) {
    // The spool is asked only where it is likely: one that waits would have to be read from the disk for that.
    let plain = lent.is_plain();
    if plain && lent.waits.load(Ordering::Acquire) {
        return;
    }
    let id = lent.claim.id;
    // Nobody waits; where all recipients were ours, nobody else can.
    if plain || matches!(office.spool.entry(id).await, Ok(None)) {
        let delay = office.now().elapsed_since(lent.claim.envelope.received).as_secs_f64();
        office.events.emit(None, Some(id), What::Finished { delay });
    }
}

fn trouble<S: Spool, D>(office: &Office<S, D>, id: SpoolId, error: &SpoolError) {
    let hint = "the message stays in the queue and is tried again; look at the disk under data-dir";
    office.events.emit(None, Some(id), What::Trouble { part: "spool", cause: error.to_string(), hint });
}

/// The outcome for the spool, and the report that is due.
fn judge<S: Spool, D>(
    office: &Office<S, D>,
    lent: &Lent,
    result: &Result,
    (at, rules): (Timestamp, &Rules),
) -> (Outcome, Option<Entry>) {
    let Some(recipient) = lent.recipient(result.number) else { return (Outcome::Failed, None) };
    let tell = |what| office.events.emit(None, Some(lent.claim.id), what);
    match &result.fate {
        Fate::Delivered(reply, happened) => {
            tell(delivered(lent, recipient, (result, reply, at)));
            (Outcome::Delivered, notice(office, lent, result, (*happened, reply)))
        }
        Fate::Failed(reply, rule) => {
            tell(failed(recipient, result, (reply, rule)));
            (Outcome::Failed, notice(office, lent, result, (Happened::Failed, reply)))
        }
        Fate::Waits(reply, cause) => {
            let facts = facts(office, lent, result, (at, Answer::Known));
            waiting(office, lent, result, (reply.as_ref(), cause, facts, rules))
        }
        Fate::InDoubt(reply, cause) => {
            let facts = facts(office, lent, result, (at, Answer::Lost));
            waiting(office, lent, result, (reply.as_ref(), cause, facts, rules))
        }
    }
}

/// Which host may have the message after this attempt, if one may.
fn doubt(lent: &Lent, result: &Result) -> Option<Doubt> {
    match result.fate {
        Fate::InDoubt(..) => Some(Doubt::at(&result.next_hop)),
        Fate::Waits(..) | Fate::Failed(..) => lent.doubt(result.number),
        Fate::Delivered(..) => None,
    }
}

/// The cause as events tell it.
fn doubtful(result: &Result, cause: &str) -> String {
    match result.fate {
        Fate::InDoubt(..) => Doubt::at(&result.next_hop).why(cause),
        Fate::Delivered(..) | Fate::Failed(..) | Fate::Waits(..) => cause.to_owned(),
    }
}

/// What the spool keeps of why a recipient waits: it goes on telling of a doubt.
fn kept(lent: &Lent, result: &Result, cause: &str) -> Box<str> {
    doubt(lent, result).map_or_else(|| cause.into(), |doubt| doubt.why(cause).into())
}

/// The same for a recipient that was not reached.
fn waiting<S: Spool, D>(
    office: &Office<S, D>,
    lent: &Lent,
    result: &Result,
    (reply, cause, facts, rules): (Option<&Reply>, &str, RetryFacts, &Rules),
) -> (Outcome, Option<Entry>) {
    let Some(recipient) = lent.recipient(result.number) else { return (Outcome::Failed, None) };
    let tell = |what| office.events.emit(None, Some(lent.claim.id), what);
    let verdict = next(&facts, rules);
    match verdict.decision {
        Next::GiveUp => {
            let expired = verdict.reply.clone().unwrap_or(table::EXPIRED);
            // The next hop's own words say more than that time is up.
            let words =
                expired.with_text(format!("{}; {} at last: {cause}", expired.text(), result.next_hop));
            tell(failed(recipient, result, (&words, verdict.rule.as_str())));
            (Outcome::Failed, notice(office, lent, &ours(result), (Happened::Failed, &words)))
        }
        Next::Again { due, warn } => {
            tell(What::Deferred {
                recipient: shown(&recipient.path),
                next_hop: result.next_hop.clone(),
                cause: quoted(doubtful(result, cause)),
                attempts: facts.attempts,
                due,
            });
            let warning = match (warn, reply) {
                (Warn::No, _) => None,
                (Warn::Now, Some(reply)) if reply.class() == Class::Later => {
                    notice(office, lent, result, (Happened::Delayed, reply))
                }
                (Warn::Now, _) => {
                    let words = table::NOT_YET.with_text(cause.to_owned());
                    notice(office, lent, &ours(result), (Happened::Delayed, &words))
                }
            };
            let warned = match warn {
                Warn::Now => Warned::Already,
                Warn::No => warned(lent, result.number),
            };
            (Outcome::Again { due, why: kept(lent, result, cause), warned }, warning)
        }
    }
}

/// The same result with words of ours: no host has spoken them.
fn ours(result: &Result) -> Result {
    Result { host: None, ..result.clone() }
}

fn warned(lent: &Lent, number: u32) -> Warned {
    lent.due(number).map_or(Warned::NotYet, |due| due.warned)
}

fn facts<S, D>(
    office: &Office<S, D>,
    lent: &Lent,
    result: &Result,
    (now, answer): (Timestamp, Answer),
) -> RetryFacts {
    let due = lent.due(result.number);
    let warned = match warned(lent, result.number) {
        Warned::Already => retry::Warned::Already,
        Warned::NotYet => retry::Warned::NotYet,
    };
    let attempts = due.map_or(0, |due| due.attempts).saturating_add(1);
    let chance = office.outside.random();
    RetryFacts { received: lent.claim.envelope.received, now, attempts, warned, answer, chance }
}

/// The entry of a report, if one is due.
fn notice<S: Spool, D>(
    office: &Office<S, D>,
    lent: &Lent,
    result: &Result,
    (happened, reply): (Happened, &Reply),
) -> Option<Entry> {
    let recipient = lent.recipient(result.number)?;
    let verdict = due(&lent.claim.envelope.reverse_path, recipient.notify, happened);
    let entry = |notice| Entry {
        number: result.number,
        notice,
        reply: reply.clone(),
        host: result.host.clone(),
        doubt: doubt(lent, result),
    };
    match verdict.decision {
        Notice::Nothing => {
            if happened == Happened::Failed {
                let recipient = shown(&recipient.path);
                let rule = verdict.rule.as_str();
                office.events.emit(None, Some(lent.claim.id), What::ReportOmitted { recipient, rule });
            }
            None
        }
        notice @ (Notice::Failure | Notice::Delay | Notice::Delivery | Notice::Relay) => Some(entry(notice)),
    }
}

fn delivered(lent: &Lent, recipient: &Recipient, (result, reply, at): (&Result, &Reply, Timestamp)) -> What {
    What::Delivered {
        recipient: shown(&recipient.path),
        next_hop: result.next_hop.clone(),
        reply: shown(reply),
        tls: result.tls.clone(),
        delay: at.elapsed_since(lent.claim.envelope.received).as_secs_f64(),
    }
}

fn failed(recipient: &Recipient, result: &Result, (reply, rule): (&Reply, &'static str)) -> What {
    What::Failed {
        recipient: shown(&recipient.path),
        next_hop: result.next_hop.clone(),
        cause: shown(reply),
        rule,
    }
}

/// What is settled when the reports could not be stored: deliveries are, all else waits for the first delay.
fn postponed(lent: &Lent, results: &[Result], (rules, at): (&Rules, Timestamp)) -> Vec<Settled> {
    let wait = rules.delivery.retry.first().copied().unwrap_or(REPORT_WAIT);
    let outcome = |result: &Result| match result.fate {
        Fate::Delivered(..) => Outcome::Delivered,
        Fate::Failed(..) | Fate::Waits(..) | Fate::InDoubt(..) => {
            let why = kept(lent, result, "its report could not be stored");
            Outcome::Again { due: at.after(wait), why, warned: warned(lent, result.number) }
        }
    };
    results.iter().map(|result| Settled { recipient: result.number, outcome: outcome(result) }).collect()
}

/// The wait for another try at a report when the rules name none.
const REPORT_WAIT: std::time::Duration = std::time::Duration::from_secs(300);
