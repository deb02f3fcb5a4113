//! What the flags say.

use std::path::PathBuf;
use std::time::Duration;

use super::measure::Work;
use super::relay::Kind;

pub(super) const USAGE: &str = "usage: cargo xtask bench [FLAGS]
  --only W1,W2     which works: W1 to W7 (all)
  --rounds N       rounds, each with all relays (3)
  --messages N     4 KiB messages of a round of W1 and W2 (20000)
  --sessions N     sessions at once in W1 and W2 (32)
  --logins N       connections of a round of W3 for each mechanism, a message each (2000)
  --idle N         sessions held in W5 (10000; Postfix as many as --postfix-idle)
  --postfix-idle N sessions held at Postfix, a process each (500)
  --deferred N     messages that wait in W6 (100000)
  --million        the same with 1000000 at gatepost; at Postfix as many as --postfix-deferred
  --postfix-deferred N  the most that wait at Postfix, two files each (100000)
  --data-alone     the sink offers no CHUNKING
  --json FILE      the figures of every round, for programs
  --quick          one round of everything, small: shows that it runs, measures nothing
  --instructions   nothing of the above: instructions of parsers and session, counted by valgrind";

/// Longest wait for a quiet machine: a build is forgotten in two minutes or three.
const PATIENCE: Duration = Duration::from_secs(300);

/// How much of everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) works: Vec<Work>,
    pub(super) rounds: u64,
    pub(super) messages: u64,
    pub(super) sessions: u64,
    /// Messages of W3, each by a connection of its own.
    pub(super) logins: u64,
    /// Messages of W4.
    pub(super) large: u64,
    pub(super) idle: u32,
    pub(super) postfix_idle: u32,
    pub(super) deferred: u64,
    pub(super) postfix_deferred: u64,
    /// Messages of W7.
    pub(super) alone: u64,
    pub(super) json: Option<PathBuf>,
    /// The longest wait for a quiet machine.
    pub(super) patience: Duration,
    pub(super) offers: Offers,
}

/// How the sink takes content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offers {
    Chunking,
    DataAlone,
}

impl Offers {
    /// For a person.
    pub(super) fn told(self) -> &'static str {
        match self {
            Self::Chunking => "The sink offers CHUNKING.",
            Self::DataAlone => "The sink offers no CHUNKING.",
        }
    }

    /// As the sink's flag has it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Chunking => "chunking",
            Self::DataAlone => "data-alone",
        }
    }
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Run(Settings),
    Instructions,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            works: Work::ALL.to_vec(),
            rounds: 3,
            messages: 20_000,
            sessions: 32,
            logins: 2_000,
            large: 400,
            idle: 10_000,
            postfix_idle: 500,
            deferred: 100_000,
            postfix_deferred: 100_000,
            alone: 300,
            json: None,
            patience: PATIENCE,
            offers: Offers::Chunking,
        }
    }
}

impl Settings {
    /// How many messages wait at this relay in W6. A million at Postfix are two million files.
    pub(super) fn deferred(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Gatepost => self.deferred,
            Kind::Postfix | Kind::Unflowed => self.deferred.min(self.postfix_deferred),
        }
    }

    /// Small enough to be through in less than two minutes.
    fn quick() -> Self {
        Self {
            rounds: 1,
            messages: 2_000,
            logins: 100,
            large: 32,
            idle: 500,
            postfix_idle: 50,
            deferred: 1_000,
            alone: 30,
            patience: Duration::ZERO,
            ..Self::default()
        }
    }
}

/// Reads the flags; those that come later outweigh those before, `--quick` among them.
pub(super) fn read(arguments: &[String]) -> Result<Asked, String> {
    let mut settings = Settings::default();
    let mut words = arguments.iter().map(String::as_str);
    while let Some(flag) = words.next() {
        match flag {
            "--quick" => {
                let Settings { works, json, offers, .. } = settings;
                settings = Settings { works, json, offers, ..Settings::quick() };
            }
            "--data-alone" => settings.offers = Offers::DataAlone,
            "--million" => settings.deferred = 1_000_000,
            "--instructions" => return Ok(Asked::Instructions),
            "--only" => settings.works = works(words.next().ok_or(USAGE)?)?,
            "--json" => settings.json = Some(PathBuf::from(words.next().ok_or(USAGE)?)),
            _others => {
                let number = words.next().and_then(|word| word.parse::<u32>().ok());
                set(&mut settings, flag, number.filter(|number| *number > 0).ok_or(USAGE)?)?;
            }
        }
    }
    Ok(Asked::Run(settings))
}

fn set(settings: &mut Settings, flag: &str, number: u32) -> Result<(), String> {
    match flag {
        "--rounds" => settings.rounds = number.into(),
        "--messages" => settings.messages = number.into(),
        "--sessions" => settings.sessions = number.into(),
        "--logins" => settings.logins = number.into(),
        "--idle" => settings.idle = number,
        "--postfix-idle" => settings.postfix_idle = number,
        "--deferred" => settings.deferred = number.into(),
        "--postfix-deferred" => settings.postfix_deferred = number.into(),
        _others => return Err(USAGE.to_owned()),
    }
    Ok(())
}

fn works(names: &str) -> Result<Vec<Work>, String> {
    let named = |name: &str| Work::ALL.into_iter().find(|work| work.name() == name);
    names.split(',').map(|name| named(name).ok_or_else(|| USAGE.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn flags_are_read() {
        let Ok(Asked::Run(settings)) =
            read(&words("--data-alone --only W2,W5 --quick --rounds 2 --json out.json"))
        else {
            panic!("not read");
        };
        assert_eq!(settings.works, [Work::Through, Work::Idle]);
        assert_eq!((settings.rounds, settings.messages), (2, Settings::quick().messages));
        assert_eq!((settings.offers, settings.patience), (Offers::DataAlone, Duration::ZERO));
        assert_eq!(settings.json, Some(PathBuf::from("out.json")));
        assert_eq!(read(&words("--instructions")), Ok(Asked::Instructions));
        for wrong in ["--messages", "--messages none", "--messages 0", "--what 1", "--only W8", "--only"] {
            assert!(read(&words(wrong)).is_err(), "{wrong}");
        }
    }
}
