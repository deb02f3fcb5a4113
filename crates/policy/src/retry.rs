//! When to try again, when to warn, when to give up. RFC 5321 section 4.5.4.1.

use std::time::Duration;

use gatepost_mail::Timestamp;
use gatepost_mail::reply::table;

use crate::Rules;
use crate::verdict::{Rule, Verdict};

const AGAIN: Rule = Rule::named("retry.again");
const LAST: Rule = Rule::named("retry.last");
const EXPIRED: Rule = Rule::named("retry.expired");

/// The wait when the rules name none: what RFC 5321 section 4.5.4.1 asks for at least.
const FALLBACK_WAIT: Duration = Duration::from_secs(30 * 60);

/// What is known after an attempt that neither delivered nor failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryFacts {
    /// When the message was taken.
    pub received: Timestamp,
    /// When the attempt ended.
    pub now: Timestamp,
    /// How many attempts there were, this one counted.
    pub attempts: u32,
    /// Whether the sender has been told that it waits.
    pub warned: Warned,
}

/// Whether the sender has been told that a message waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warned {
    /// Yes; once is enough.
    Already,
    /// No.
    NotYet,
}

/// Whether to tell the sender now that a message waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warn {
    /// Tell it, if [`crate::notice::due`] agrees.
    Now,
    /// Say nothing.
    No,
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another attempt.
    Again {
        /// Not before this.
        due: Timestamp,
        /// Whether the sender is to be told.
        warn: Warn,
    },
    /// None: the message is too old. The verdict's reply says so, for the report.
    GiveUp,
}

/// Says when the next attempt is due.
///
/// The waits come from the rules, the last one repeating. The last attempt is made when the message expires, not
/// long before or after; but never sooner than the first wait.
pub fn next(facts: &RetryFacts, rules: &Rules) -> Verdict<Next> {
    let delivery = &rules.delivery;
    let age = facts.now.elapsed_since(facts.received);
    if age >= delivery.expire {
        let because = format!("{} s old after {} attempts", age.as_secs(), facts.attempts);
        return Verdict::decide(Next::GiveUp, EXPIRED, because).saying(table::EXPIRED);
    }
    let warn = match facts.warned {
        Warned::NotYet if age >= delivery.warn_after => Warn::Now,
        Warned::NotYet | Warned::Already => Warn::No,
    };
    let by_schedule = facts.now.after(wait_after(facts.attempts, &delivery.retry));
    let at_expiry = facts.received.after(delivery.expire);
    let due = by_schedule.min(at_expiry).max(facts.now.after(wait_after(1, &delivery.retry)));
    let rule = if due < by_schedule { LAST } else { AGAIN };
    let wait = due.elapsed_since(facts.now).as_secs();
    Verdict::decide(
        Next::Again { due, warn },
        rule,
        format!("attempt {} in {wait} s", facts.attempts.saturating_add(1)),
    )
}

fn wait_after(attempts: u32, waits: &[Duration]) -> Duration {
    let at = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    waits.get(at).or_else(|| waits.last()).copied().unwrap_or(FALLBACK_WAIT)
}
