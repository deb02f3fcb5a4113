//! How much may be sent: token buckets as values.
//!
//! A bucket holds as many tokens as the limit says and fills up evenly over its period. So somebody who has sent
//! nothing may send all at once, and after that as fast as the bucket fills.

use std::num::NonZeroU32;
use std::time::Duration;

use gatepost_mail::Timestamp;
use gatepost_mail::reply::table;

use crate::Rules;
use crate::peer::Device;
use crate::verdict::{Decision, Rule, Verdict};

const WITHIN: Rule = Rule::named("throttle.within");
const ACCOUNT_MESSAGES: Rule = Rule::named("throttle.account-messages");
const ACCOUNT_RECIPIENTS: Rule = Rule::named("throttle.account-recipients");
const MACHINE_MESSAGES: Rule = Rule::named("throttle.machine-messages");
const DEVICE_MESSAGES: Rule = Rule::named("throttle.device-messages");

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The state of a bucket: the moment at which it will be full again, which is all there is to know of it.
///
/// A bucket that was never used is [`Bucket::default`]; one whose moment has passed can be forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bucket {
    full_at: Timestamp,
}

impl Bucket {
    /// Whether the bucket is full, so that keeping it is no use.
    #[must_use]
    pub fn is_idle(self, now: Timestamp) -> bool {
        self.full_at <= now
    }
}

/// A limit: so many tokens in such a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    most: NonZeroU32,
    period: Duration,
    rule: Rule,
}

impl Allowance {
    /// Messages of one account.
    #[must_use]
    pub fn account_messages(rules: &Rules) -> Self {
        Self { most: rules.limits.account_messages_per_hour, period: HOUR, rule: ACCOUNT_MESSAGES }
    }

    /// Recipients of one account.
    #[must_use]
    pub fn account_recipients(rules: &Rules) -> Self {
        Self { most: rules.limits.account_recipients_per_day, period: DAY, rule: ACCOUNT_RECIPIENTS }
    }

    /// Messages of one machine; `None` if the rules have no machine of this name.
    #[must_use]
    pub fn machine_messages(name: &str, rules: &Rules) -> Option<Self> {
        let machine = rules.machines.iter().find(|machine| machine.name == name)?;
        Some(Self { most: machine.messages_per_hour, period: HOUR, rule: MACHINE_MESSAGES })
    }

    /// Messages of one device of an account, beside those of the account; `None` if it has no limit of its own.
    #[must_use]
    pub fn device_messages(device: &Device) -> Option<Self> {
        let Device::Named { messages_per_day, .. } = device else { return None };
        messages_per_day.map(|most| Self { most, period: DAY, rule: DEVICE_MESSAGES })
    }

    /// How long one token takes to come back.
    fn interval(self) -> Duration {
        self.period / self.most.get()
    }
}

/// Takes `count` tokens, all or none, and says whether they were there.
///
/// The state that comes back replaces the old one, also after a refusal, which takes nothing.
pub fn take(bucket: Bucket, allowance: Allowance, count: u32, now: Timestamp) -> (Bucket, Verdict<Decision>) {
    let filled = bucket.full_at.max(now);
    let full_at = filled.after(allowance.interval().saturating_mul(count));
    if full_at.elapsed_since(now) <= allowance.period {
        return (Bucket { full_at }, Verdict::permit(WITHIN, "within the limit"));
    }
    let wait = full_at.elapsed_since(now.after(allowance.period));
    let because = format!(
        "limit of {} in {} s is reached; free again in {} s",
        allowance.most,
        allowance.period.as_secs(),
        wait.as_secs() + 1
    );
    (bucket, Verdict::defer(allowance.rule, table::OVER_LIMIT, because))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(1_795_000_000_000_000 + seconds * 1_000_000)
    }

    /// How many single tokens can be taken at one moment.
    fn drain(mut bucket: Bucket, allowance: Allowance, now: Timestamp) -> (Bucket, u32) {
        for taken in 0..1000 {
            let (next, verdict) = take(bucket, allowance, 1, now);
            if !verdict.permits() {
                assert_eq!(verdict.reply, Some(table::OVER_LIMIT));
                assert_eq!(next, bucket, "a refusal takes nothing");
                return (bucket, taken);
            }
            bucket = next;
        }
        panic!("the bucket never empties")
    }

    #[test]
    fn a_bucket_empties_and_fills_evenly() {
        let allowance = Allowance::account_messages(&testing::rules()); // 6 in an hour
        let (bucket, taken) = drain(Bucket::default(), allowance, at(0));
        assert_eq!(taken, 6);
        assert_eq!(drain(bucket, allowance, at(599)).1, 0);
        let (bucket, taken) = drain(bucket, allowance, at(600));
        assert_eq!(taken, 1);
        assert_eq!(drain(bucket, allowance, at(600 + 3600)).1, 6);
        assert!(!bucket.is_idle(at(600 + 3599)));
        assert!(bucket.is_idle(at(600 + 3600)));
    }

    #[test]
    fn several_tokens_are_taken_together_or_not() {
        let allowance = Allowance::account_recipients(&testing::rules()); // 24 in a day
        let (bucket, verdict) = take(Bucket::default(), allowance, 25, at(0));
        assert_eq!(verdict.rule.as_str(), "throttle.account-recipients");
        let (bucket, verdict) = take(bucket, allowance, 24, at(0));
        assert!(verdict.permits());
        assert!(!take(bucket, allowance, 2, at(3600)).1.permits());
        assert!(take(bucket, allowance, 1, at(3600)).1.permits());
    }

    #[test]
    fn a_clock_that_steps_back_does_not_open_the_bucket() {
        let allowance = Allowance::machine_messages("scanner", &testing::rules()).unwrap();
        let (bucket, _) = drain(Bucket::default(), allowance, at(1000));
        assert_eq!(drain(bucket, allowance, at(0)).1, 0);
        assert_eq!(Allowance::machine_messages("nobody", &testing::rules()), None);
    }

    #[test]
    fn huge_counts_do_not_overflow() {
        let allowance = Allowance::account_messages(&testing::rules());
        assert!(!take(Bucket::default(), allowance, u32::MAX, at(0)).1.permits());
    }
}
