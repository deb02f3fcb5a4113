use gatepost_mail::Timestamp;
use gatepost_policy::repeat::{Before, HandIn, MessageId, RepeatFacts, repeat};
use gatepost_policy::rules::RepeatRule;
use serde::Deserialize;

use crate::table::{Named, ruled, run as run_table};
use crate::testing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Case {
    name: String,
    before: WrittenBefore,
    message_id: Option<bool>,
    #[serde(default)]
    off: bool,
    want: Want,
}

/// A word, or how many minutes ago the session of the first ended.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenBefore {
    Ended(u64),
    Word(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Want {
    again: bool,
    rule: String,
}

impl Named for Case {
    fn name(&self) -> &str {
        &self.name
    }
}

pub(crate) fn run() -> usize {
    run_table("repeat.toml", |case: &Case| {
        let mut rules = testing::rules();
        if case.off {
            rules.limits.repeated_hand_in = RepeatRule::New;
        }
        let before = match &case.before {
            WrittenBefore::Ended(minutes) => Before::InDoubt(minutes_ago(*minutes)),
            WrittenBefore::Word(word) if word == "nothing" => Before::Nothing,
            WrittenBefore::Word(word) if word == "unanswered" => Before::Unanswered,
            WrittenBefore::Word(word) => panic!("not known: {word}"),
        };
        let message_id = if case.message_id == Some(false) { MessageId::Missing } else { MessageId::Own };
        let verdict = repeat(&RepeatFacts { message_id, before, now: minutes_ago(0) }, &rules);
        let wanted = if case.want.again { HandIn::Again } else { HandIn::New };
        if verdict.decision != wanted {
            return Err(format!("{:?}, wanted {wanted:?}", verdict.decision));
        }
        ruled(&verdict, &case.want.rule, None)
    })
}

fn minutes_ago(minutes: u64) -> Timestamp {
    Timestamp::from_micros((1_795_299_337 - 60 * minutes) * 1_000_000)
}
