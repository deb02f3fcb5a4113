//! What must hold once a run is over.

use std::collections::BTreeMap;
use std::time::Duration;

use gatepost_spool::{Entry, Fault, RecipientState, Spool};

use crate::books::{Answer, Books, Delivery, Ending, Queued, Refusal, Sent, Wrong};
use crate::letter::{Arrived, read};
use crate::plan::{Mishap, Plan};
use crate::queue::Queue;
use crate::stage::Stage;

/// After its reply was read, an outcome is written within this time.
const WRITTEN: Duration = Duration::from_millis(20);
/// A refusal at RCPT is settled with its transaction, which takes no longer.
const JOB: Duration = Duration::from_secs(130);
/// And on the disk for good within this time.
const SYNCED: Duration = Duration::from_millis(300);

/// Writes down what is still in the queue.
pub(crate) async fn look_into(stage: &Stage, queue: &Queue) {
    let entries = match queue.list(None, gatepost_spool::LIST_LIMIT).await {
        Ok(entries) => entries,
        Err(error) => return stage.books().wrong(None, format!("the queue cannot be listed: {error}")),
    };
    for entry in entries {
        let queued = describe(queue, &entry).await;
        stage.books().queued.push(queued);
    }
}

async fn describe(queue: &Queue, entry: &Entry) -> Queued {
    let mut octets = Vec::new();
    if let Ok(mut content) = queue.content(entry.id).await {
        while let Ok(Some(piece)) = content.piece().await {
            octets.extend_from_slice(&piece);
        }
    }
    let sender = entry.envelope.reverse_path.mailbox().map(ToString::to_string).unwrap_or_default();
    let states = entry.recipients.iter().zip(&entry.envelope.recipients);
    let waiting = states.filter(|(state, _)| matches!(state, RecipientState::Waiting { .. }));
    let waiting = waiting.filter_map(|(_, recipient)| Some(recipient.path.mailbox()?.to_string()));
    let (arrived, waiting) = (read(&sender, &octets), waiting.collect());
    Queued { id: entry.id.to_string(), arrived, waiting, held: entry.held }
}

/// All that is wrong.
pub(crate) fn judge(stage: &Stage) -> Vec<Wrong> {
    let books = &mut *stage.books();
    let mut wrongs = std::mem::take(&mut books.wrongs);
    let elapsed = stage.trace.elapsed();
    let may_expire = elapsed + stage.clock.far_forward() >= stage.plan.expire;
    let judge = Judge { books, may_expire, plan: &stage.plan };
    for (name, sent) in &books.letters {
        let tell = |what: String| Wrong { letter: Some(name.clone()), what };
        wrongs.extend(judge.kept_promises(sent).into_iter().map(tell));
        wrongs.extend(judge.no_more_copies(sent).into_iter().map(tell));
    }
    wrongs.extend(books.deliveries.iter().filter_map(|delivery| judge.addressed(delivery)));
    wrongs.extend(judge.reports());
    wrongs.extend(books.queued.iter().map(stuck));
    wrongs
}

/// After so long a time of calm nothing may be left.
fn stuck(queued: &Queued) -> Wrong {
    let letter = match &queued.arrived {
        Arrived::Letter { name, .. } => Some(name.clone()),
        Arrived::Report(report) => Some(report.name.clone()),
        Arrived::Odd(_) => None,
    };
    let what =
        format!("{} is stuck in the queue for {:?}, held: {:?}", queued.id, queued.waiting, queued.held);
    Wrong { letter, what }
}

struct Judge<'a> {
    books: &'a Books,
    /// Whether a message may have been given up for its age.
    may_expire: bool,
    plan: &'a Plan,
}

/// Whether this stops a spool.
const fn stops(mishap: &Mishap) -> bool {
    matches!(mishap, Mishap::Fault(Fault::Write | Fault::Sync, _))
}

impl Judge<'_> {
    /// Whoever heard 250 has each recipient delivered, reported, or waiting.
    fn kept_promises(&self, sent: &Sent) -> Vec<String> {
        let promised = sent.tries.iter().filter(|attempt| matches!(attempt.answer, Answer::Promised(_)));
        let promised: Vec<_> = promised.flat_map(|attempt| attempt.taken.iter()).collect();
        let lost = promised.into_iter().filter(|recipient| !self.has_fate(sent, recipient));
        lost.map(|recipient| format!("250 was said, and {recipient} got nothing: lost")).collect()
    }

    fn has_fate(&self, sent: &Sent, recipient: &str) -> bool {
        let (name, sender) = (&sent.letter.name, &sent.letter.sender);
        let mut delivered = self.books.deliveries.iter();
        if delivered.any(|delivery| delivery.name == *name && delivery.recipient == recipient) {
            return true;
        }
        let is_it = |arrived: &Arrived, waiting: &[String]| match arrived {
            Arrived::Letter { name: queued, .. } => {
                queued == name && waiting.iter().any(|waits| waits == recipient)
            }
            Arrived::Report(report) => {
                report.name == *name && report.failed.iter().any(|failed| failed == recipient)
            }
            Arrived::Odd(_) => false,
        };
        if self.books.queued.iter().any(|queued| is_it(&queued.arrived, &queued.waiting)) {
            return true;
        }
        let reported = |failed: &[String]| failed.iter().any(|failed| failed == recipient);
        let mut reports = self.books.reports.iter();
        if reports.any(|arrived| arrived.report.name == *name && reported(&arrived.report.failed)) {
            return true;
        }
        if sender.is_empty() {
            return self.may_fail(sender, recipient);
        }
        // The report itself may have failed, about which there is none.
        self.may_fail(sender, recipient) && self.may_fail("", sender)
    }

    /// Whether there was a cause to give a recipient up.
    fn may_fail(&self, sender: &str, recipient: &str) -> bool {
        let mut refusals = self.books.refusals.iter();
        self.may_expire || refusals.any(|refusal| refusal.concerns(sender, recipient))
    }

    /// A second copy has a cause, and nothing was taken that was refused.
    fn no_more_copies(&self, sent: &Sent) -> Vec<String> {
        let mut wrongs = Vec::new();
        let name = &sent.letter.name;
        let mut copies: BTreeMap<(&str, &str), Vec<&Delivery>> = BTreeMap::new();
        for delivery in self.books.deliveries.iter().filter(|delivery| delivery.name == *name) {
            copies.entry((&delivery.id, &delivery.recipient)).or_default().push(delivery);
        }
        let mut ids: Vec<&str> = copies.keys().map(|(id, _)| *id).collect();
        ids.dedup();
        let most = sent.tries.iter().filter(|attempt| self.may_have_taken(&attempt.answer)).count();
        if ids.len() > most {
            wrongs.push(format!("it was taken {} times though {most} tries may have: {ids:?}", ids.len()));
        }
        for ((id, recipient), mut copies) in copies {
            copies.sort_by_key(|copy| copy.at);
            let again = copies.iter().rev().skip(1).rev();
            let unexcused = again.filter(|copy| !self.in_doubt(copy));
            wrongs.extend(unexcused.map(|copy| {
                format!(
                    "{id} went to {recipient} again though the server knew that {} had it at {:.3}",
                    copy.host,
                    copy.at.as_secs_f64()
                )
            }));
        }
        wrongs
    }

    /// Whether a try that ended so may have left a message in the spool. One that stops does not know itself.
    fn may_have_taken(&self, answer: &Answer) -> bool {
        match answer {
            Answer::Promised(_) | Answer::Unknown => true,
            // Its process may be killed before it has ended by itself.
            Answer::Refused(400..500) => self.plan.mishaps.iter().any(|(_, mishap)| stops(mishap)),
            Answer::Refused(_) | Answer::Unsent => false,
        }
    }

    /// Whether the server did not know, or could not remember, that a copy was taken.
    fn in_doubt(&self, copy: &Delivery) -> bool {
        copy.told.read_at().is_none_or(|read| self.forgotten(read))
    }

    /// Whether what was known at a moment may have gone with its process.
    fn forgotten(&self, known: Duration) -> bool {
        self.forgotten_within(known, Duration::ZERO)
    }

    /// The same for what takes some time to be settled.
    fn forgotten_within(&self, known: Duration, more: Duration) -> bool {
        let at = self.books.lives.iter().rposition(|life| life.began <= known);
        let Some((ended, end)) = at.and_then(|at| self.end(at)) else { return false };
        let window = match end {
            Ending::Drained => return false,
            Ending::Killed => WRITTEN,
            Ending::PowerCut | Ending::SpoolStopped => SYNCED,
        };
        let full = |(from, to): &(Duration, Duration)| *from <= ended && known <= *to;
        known + window + more >= ended || self.books.full.iter().any(full)
    }

    /// When and how a life ended. A power cut while the next ones only begin takes what a kill has left in memory.
    fn end(&self, at: usize) -> Option<(Duration, Ending)> {
        let (life, next) = self.books.lives.get(at..)?.split_first()?;
        let end = life.end?;
        let mut stillborn = next.iter().take_while(|life| life.ended == Some(life.began));
        let cut = end == Ending::Killed && stillborn.any(|life| life.end == Some(Ending::PowerCut));
        Some((life.ended?, if cut { Ending::PowerCut } else { end }))
    }

    /// It went to whom it was for, from whom it was, as it was.
    fn addressed(&self, delivery: &Delivery) -> Option<Wrong> {
        let Delivery { host, name, recipient, .. } = delivery;
        let wrong = |what: String| Some(Wrong { letter: Some(name.clone()), what });
        let Some(sent) = self.books.letters.get(name) else {
            return wrong(format!("{host} got {name}, which nobody sent"));
        };
        if !sent.letter.recipients.contains(recipient) {
            return wrong(format!("{recipient} got it and was not addressed"));
        }
        if sent.letter.sender != delivery.sender {
            return wrong(format!("{host} got it from <{}>", delivery.sender));
        }
        if !delivery.intact {
            return wrong(format!("{host} got other content than was sent"));
        }
        None
    }

    /// A report is on the disk before the failure that it is about, so that none is ever missing: a process that ends
    /// between the two leaves both the report and the recipient, who is tried again.
    fn was_in_two_minds(&self, sender: &str, recipient: &str) -> bool {
        let mut refusals = self.books.refusals.iter().filter(|refusal| refusal.concerns(sender, recipient));
        let known = |refusal: &Refusal| refusal.told.read_at();
        let died = self.books.lives.iter().any(|life| life.end.is_some_and(|end| end != Ending::Drained));
        refusals.any(|refusal| known(refusal).is_some_and(|read| self.forgotten_within(read, JOB)))
            || self.may_expire && died
    }

    fn reports(&self) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        let mut seen: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for arrived in &self.books.reports {
            let report = &arrived.report;
            let mut tell = |what: String| wrongs.push(Wrong { letter: Some(report.name.clone()), what });
            let Some(sent) = self.books.letters.get(&report.name) else {
                tell("a report about what nobody sent".to_owned());
                continue;
            };
            if arrived.to != sent.letter.sender {
                tell(format!("{} got a report that is for <{}>", arrived.to, sent.letter.sender));
            }
            for failed in &report.failed {
                if !sent.letter.recipients.contains(failed) {
                    tell(format!("a report names {failed}, who was not addressed"));
                }
                if !self.may_fail(&sent.letter.sender, failed) {
                    tell(format!("a report says that {failed} has failed, for no cause"));
                }
                let mut copies = self.books.deliveries.iter();
                let both = copies
                    .any(|copy| copy.id == report.id && copy.recipient == *failed && !self.in_doubt(copy));
                if both && !self.was_in_two_minds(&sent.letter.sender, failed) {
                    tell(format!("{} was delivered to {failed} and reported as failed", report.id));
                }
                let owns = seen.entry((&report.id, failed)).or_default();
                if !owns.contains(&report.own.as_str()) {
                    owns.push(&report.own);
                }
            }
        }
        let deaths = self.books.lives.iter().filter(|life| life.end != Some(Ending::Drained)).count();
        for ((id, failed), owns) in seen {
            if owns.len() > 1 + deaths {
                let what = format!("{} reports say that {failed} failed for {id}", owns.len());
                wrongs.push(Wrong { letter: None, what });
            }
        }
        wrongs
    }
}
