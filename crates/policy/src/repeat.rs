//! Is this the message that we have taken already, whose 250 was lost on its way?
//!
//! A client that never saw our 250 must hand its message in again (RFC 5321 section 4.5.4.1), and with a server that has
//! taken it the recipients get two. Here it hears the first one's id again instead. What counts as the same, octet
//! by octet, is the driver's to know; whether that is a repeat is decided here.

use std::time::Duration;

use gatepost_mail::Timestamp;

use crate::Rules;
use crate::rules::RepeatRule;
use crate::verdict::{Rule, Verdict};

const REPEATED: Rule = Rule::named("content.repeated");
const FIRST: Rule = Rule::named("content.first");
const NO_MESSAGE_ID: Rule = Rule::named("content.repeat-nameless");
const TOO_LATE: Rule = Rule::named("content.repeat-late");
const OFF: Rule = Rule::named("content.repeat-off");

/// How long a hand-in stays in doubt once its session is over. Postfix, Exim, Sendmail and we try again after 5 to 30 minutes,
/// people sooner: an hour has the second attempt of each, and the third of most.
pub const WINDOW: Duration = Duration::from_secs(3600);

/// What is known of a message that is complete and not yet kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepeatFacts {
    /// Whether it names itself.
    pub message_id: MessageId,
    /// What we know of one that was the same: client, envelope and content.
    pub before: Before,
    /// Now.
    pub now: Timestamp,
}

/// Whether a message came with a Message-ID field of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageId {
    /// It did: who sends it twice on purpose gives it another.
    Own,
    /// It did not.
    Missing,
}

/// What became of the same message before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// There was none; or its client has gone on after our 250, so that it has read it.
    Nothing,
    /// It was taken, and its session is still there: the client has not been heard since.
    Unanswered,
    /// It was taken, and its session ended at this time, with the client not heard since.
    InDoubt(Timestamp),
}

/// What a complete message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandIn {
    /// One more message.
    New,
    /// The one that we have: its first id is the answer.
    Again,
}

/// Whether hand-ins are compared at all.
#[must_use]
pub fn compares(rules: &Rules) -> bool {
    rules.limits.repeated_hand_in == RepeatRule::SameId
}

/// Says whether a message is the repeat of one that we have.
pub fn repeat(facts: &RepeatFacts, rules: &Rules) -> Verdict<HandIn> {
    let new = |rule, because: &'static str| Verdict::decide(HandIn::New, rule, because);
    if !compares(rules) {
        return new(OFF, "limits.repeated-hand-in is \"new\"");
    }
    match (facts.before, facts.message_id) {
        (Before::Nothing, _) => new(FIRST, "nothing like it is in doubt"),
        (Before::Unanswered | Before::InDoubt(_), MessageId::Missing) => {
            new(NO_MESSAGE_ID, "it has no Message-ID of its own")
        }
        (Before::InDoubt(since), MessageId::Own) if facts.now.elapsed_since(since) > WINDOW => {
            new(TOO_LATE, "the first one is too long ago")
        }
        (Before::Unanswered, MessageId::Own) => {
            Verdict::decide(HandIn::Again, REPEATED, "the first session has not been heard since its 250")
        }
        (Before::InDoubt(_), MessageId::Own) => Verdict::decide(
            HandIn::Again,
            REPEATED,
            "the first session ended before its 250 was seen to be read",
        ),
    }
}
