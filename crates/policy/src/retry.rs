//! When to try again, when to warn, when to give up. RFC 5321 section 4.5.4.1.

use std::time::Duration;

use gatepost_mail::Timestamp;
use gatepost_mail::reply::table;

use crate::Rules;
use crate::verdict::{Rule, Verdict};

const AGAIN: Rule = Rule::named("retry.again");
const LAST: Rule = Rule::named("retry.last");
const EXPIRED: Rule = Rule::named("retry.expired");
const IN_DOUBT: Rule = Rule::named("retry.in-doubt");
const REST: Rule = Rule::named("retry.rest");

/// One part of so many of a wait is what chance may add to it: what was put off in one second must not come due
/// in one.
pub const JITTER: u32 = 4;
/// So many times as long is the wait of a recipient in doubt: a host that was slow to answer may still be at it,
/// and whoever watches for copies has time to see the first.
pub const DOUBT: u32 = 4;
/// How long a site rests after nobody was reached there. It doubles with each failure in a row.
pub const FIRST_REST: Duration = Duration::from_secs(30);
/// How long a site rests at most.
pub const LONGEST_REST: Duration = Duration::from_secs(15 * 60);

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
    /// Whether all was sent in this attempt and the answer was lost.
    pub answer: Answer,
    /// Any number; chance gives it.
    pub chance: u64,
}

/// What a host said at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Something, or the message had not gone out whole.
    Known,
    /// Nothing, though all was sent: it may have taken the message or not.
    Lost,
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
/// The waits come from the rules, the last one repeating; chance makes each longer by at most one part in
/// [`JITTER`]. A lost answer makes it [`DOUBT`] times as long. The last attempt is made when the message expires,
/// not long before or after; but never sooner than the first wait.
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
    let wait = wait_after(facts.attempts, &delivery.retry);
    let (wait, reason) = match facts.answer {
        Answer::Known => (wait, AGAIN),
        Answer::Lost => (wait.saturating_mul(DOUBT), IN_DOUBT),
    };
    let by_schedule = facts.now.after(wait.saturating_add(some_of(wait / JITTER, facts.chance)));
    let at_expiry = facts.received.after(delivery.expire);
    let due = by_schedule.min(at_expiry).max(facts.now.after(wait_after(1, &delivery.retry)));
    let rule = if due < by_schedule { LAST } else { reason };
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

/// From nothing up to just below `most`, as chance has it.
fn some_of(most: Duration, chance: u64) -> Duration {
    let share = u128::from(chance >> 32);
    let micros = (most.as_micros() * share) >> 32;
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// Says how long a site rests where nobody was reached so many times in a row: what comes due for it meanwhile
/// fares as the one that tried.
///
/// Never longer than half of the first wait, so that a message that waits by its own schedule is tried itself.
pub fn rest(failures: u32, rules: &Rules) -> Verdict<Duration> {
    let doubled = FIRST_REST.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let most = LONGEST_REST.min(wait_after(1, &rules.delivery.retry) / 2);
    let rest = doubled.min(most);
    Verdict::decide(rest, REST, format!("not reached {failures} times, rests {} s", rest.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn wait(attempts: u32, answer: Answer, chance: u64) -> (Duration, &'static str) {
        let now = Timestamp::from_micros(1_795_299_337_000_000);
        let facts = RetryFacts { received: now, now, attempts, warned: Warned::NotYet, answer, chance };
        let verdict = next(&facts, &testing::rules());
        match verdict.decision {
            Next::Again { due, .. } => (due.elapsed_since(now), verdict.rule.as_str()),
            Next::GiveUp => panic!("it is new"),
        }
    }

    #[test]
    fn chance_spreads_what_was_put_off_together() {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        assert_eq!(wait(2, Answer::Known, 0).0, minutes(15));
        let longest = wait(2, Answer::Known, u64::MAX).0;
        assert!(longest < minutes(15) + minutes(15) / JITTER, "{longest:?}");
        assert!(longest > minutes(15) + minutes(15) / JITTER - Duration::from_secs(1), "{longest:?}");
        assert_eq!(wait(2, Answer::Known, u64::MAX / 2 + 1).0, minutes(15) + minutes(15) / (2 * JITTER));
    }

    #[test]
    fn a_lost_answer_is_given_time() {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        assert_eq!(wait(1, Answer::Known, 0), (minutes(5), "retry.again"));
        assert_eq!(wait(1, Answer::Lost, 0), (minutes(5) * DOUBT, "retry.in-doubt"));
    }

    #[test]
    fn a_site_rests_longer_with_each_failure_and_never_past_a_message_of_its_own_schedule() {
        let mut rules = testing::rules();
        let rests = |rules: &Rules| [1, 2, 3, 6, 99].map(|failures| rest(failures, rules).decision.as_secs());
        assert_eq!(rests(&rules), [30, 60, 120, 150, 150]);
        rules.delivery.retry = vec![Duration::from_secs(3600)];
        assert_eq!(rests(&rules), [30, 60, 120, 900, 900]);
        rules.delivery.retry = vec![Duration::from_secs(2)];
        assert_eq!(rests(&rules), [1, 1, 1, 1, 1]);
    }
}
