//! What people write on the command line about accounts.

use std::str::FromStr;
use std::time::Duration;

use gatepost_mail::{Network, Timestamp};
use gatepost_sasl::{Mechanism, nearest};

use crate::cli::failure::Failure;
use crate::config::read::TextValue as _;
use crate::config::values::Wait;

const SECONDS_PER_DAY: u64 = 86_400;

/// A mechanism's name.
pub(super) fn mechanism(name: &str) -> Result<Mechanism, String> {
    Mechanism::from_name(name).ok_or_else(|| match nearest(name, &Mechanism::ALL) {
        Some(meant) => {
            format!("not a mechanism that is known; did you mean {}?", meant.name().to_lowercase())
        }
        None => "not a mechanism that is known".to_owned(),
    })
}

/// A network, as in the configuration.
pub(super) fn network(text: &str) -> Result<Network, String> {
    Network::from_text(text).map_err(|wrong| format!("{}; {}", wrong.what, wrong.mend))
}

/// A mechanism, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnlyBy {
    /// Whatever is offered.
    Any,
    /// This one.
    Mechanism(Mechanism),
}

impl FromStr for OnlyBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("any") { Ok(Self::Any) } else { mechanism(text).map(Self::Mechanism) }
    }
}

impl OnlyBy {
    /// The mechanisms; none where any will do.
    pub(super) fn all(written: &[Self]) -> Result<Vec<Mechanism>, Failure> {
        let named: Vec<Mechanism> = written
            .iter()
            .filter_map(|one| match one {
                Self::Any => None,
                Self::Mechanism(mechanism) => Some(*mechanism),
            })
            .collect();
        if written.contains(&Self::Any) && !named.is_empty() {
            return Err(Failure::usage("`any` stands alone: it means that no list is kept"));
        }
        Ok(named)
    }
}

/// When something ends: after a while, or at the end of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expires {
    /// So long from now.
    After(Duration),
    /// At this moment.
    At(Timestamp),
}

impl FromStr for Expires {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(days) = day(text) {
            let end = Duration::from_secs((days + 1).saturating_mul(SECONDS_PER_DAY));
            return Ok(Self::At(Timestamp::since_epoch(end)));
        }
        match Wait::from_text(text) {
            Ok(Wait(wait)) => Ok(Self::After(wait)),
            Err(_) => Err("write a while such as 90d, or the last day as in 2027-12-31 (UTC)".to_owned()),
        }
    }
}

impl Expires {
    pub(super) fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::After(wait) => now.after(wait),
            Self::At(moment) => moment,
        }
    }
}

/// Days from 1970 to a date such as `2027-12-31`; none for what is no date.
fn day(text: &str) -> Option<u64> {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return None };
    if (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    let (year, month, day): (u64, u64, u64) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let longest = match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1970 || !(1..=longest).contains(&day) {
        return None;
    }
    // Years are counted from 1 March, so that the leap day comes last and months follow one formula.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    days.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_end_with_their_day() {
        let rows = [
            ("1970-01-01", Some("1970-01-02T00:00:00.000Z")),
            ("2000-02-29", Some("2000-03-01T00:00:00.000Z")),
            ("2026-11-21", Some("2026-11-22T00:00:00.000Z")),
            ("2027-12-31", Some("2028-01-01T00:00:00.000Z")),
            ("2100-02-29", None),
            ("2027-13-01", None),
            ("2027-00-01", None),
            ("2027-06-31", None),
            ("2027-06-00", None),
            ("1969-12-31", None),
            ("27-01-01", None),
            ("tomorrow", None),
            ("90", None),
        ];
        for (text, want) in rows {
            let found = text.parse::<Expires>().ok().map(|end| end.moment(Timestamp::default()).to_string());
            assert_eq!(found.as_deref(), want, "{text}");
        }
        let now = Timestamp::from_micros(0);
        let after = "90d".parse::<Expires>().unwrap().moment(now);
        assert_eq!(after.as_seconds(), 90 * SECONDS_PER_DAY);
    }

    #[test]
    fn any_stands_alone() {
        let read = |words: &[&str]| {
            OnlyBy::all(&words.iter().map(|word| word.parse().unwrap()).collect::<Vec<_>>()).ok()
        };
        assert_eq!(read(&["any"]), Some(Vec::new()));
        assert_eq!(read(&["plain", "EXTERNAL"]), Some(vec![Mechanism::Plain, Mechanism::External]));
        assert_eq!(read(&["any", "plain"]), None);
        assert!("scram-sha-265".parse::<OnlyBy>().unwrap_err().contains("did you mean scram-sha-256"));
    }
}
