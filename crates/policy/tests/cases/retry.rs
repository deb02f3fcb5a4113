use gatepost_mail::Timestamp;
use gatepost_policy::retry::{Answer, Next, RetryFacts, Warn, Warned, next};
use serde::Deserialize;

use crate::table::{Named, ruled, run as run_table};
use crate::testing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    now: u64,
    attempts: u32,
    #[serde(default)]
    warned: bool,
    want: Want,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Want {
    Again {
        due: u64,
        warn: bool,
        rule: String,
    },
    #[serde(rename_all = "kebab-case")]
    GiveUp {
        give_up: bool,
        rule: String,
        reply: String,
    },
}

impl Named for Case {
    fn name(&self) -> &str {
        &self.name
    }
}

pub(crate) fn run() -> usize {
    let rules = testing::rules();
    run_table("retry.toml", |case: &Case| {
        let facts = RetryFacts {
            received: at(0),
            now: at(case.now),
            attempts: case.attempts,
            warned: if case.warned { Warned::Already } else { Warned::NotYet },
            answer: Answer::Known,
            chance: 0,
        };
        let verdict = next(&facts, &rules);
        let (decision, rule, reply) = match &case.want {
            Want::Again { due, warn, rule } => {
                let warn = if *warn { Warn::Now } else { Warn::No };
                (Next::Again { due: at(*due), warn }, rule, None)
            }
            Want::GiveUp { give_up, rule, reply } => {
                assert!(give_up, "give-up is true or absent");
                (Next::GiveUp, rule, Some(reply.as_str()))
            }
        };
        if verdict.decision != decision {
            return Err(format!("{:?}, wanted {decision:?}", verdict.decision));
        }
        ruled(&verdict, rule, reply)
    })
}

fn at(minutes: u64) -> Timestamp {
    Timestamp::from_micros((1_795_299_337 + 60 * minutes) * 1_000_000)
}
