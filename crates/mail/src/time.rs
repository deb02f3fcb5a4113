//! Moments of wall-clock time, made by drivers, only compared and added here.

use std::fmt;
use std::time::Duration;

const MICROS_PER_SECOND: u64 = 1_000_000;
const SECONDS_PER_DAY: u64 = 86_400;
/// Octets of a moment as RFC 5322 writes it.
const RFC5322: usize = 31;
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment, in microseconds since 1970-01-01 00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment so many microseconds after 1970.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The moment so long after 1970; saturates.
    #[must_use]
    pub fn since_epoch(elapsed: Duration) -> Self {
        Self(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX))
    }

    /// Microseconds since 1970.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole seconds since 1970.
    #[must_use]
    pub const fn as_seconds(self) -> u64 {
        self.0 / MICROS_PER_SECOND
    }

    /// Later by `wait`; saturates.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX)))
    }

    /// How long ago `earlier` was; zero if it was not.
    #[must_use]
    pub const fn elapsed_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// As RFC 5322 section 3.3 writes it, in UTC: `Sat, 21 Nov 2026 22:15:37 +0000`.
    #[must_use]
    pub fn rfc5322(self) -> String {
        let date = Civil::of(self);
        let Civil { year, day, hour, minute, second, .. } = date;
        let mut text = String::with_capacity(RFC5322);
        text.push_str(WEEKDAYS.get((date.days % 7) as usize).copied().unwrap_or_default());
        text.push_str(", ");
        if day < 10 {
            text.push(char::from(b'0' + day as u8));
        } else {
            two(&mut text, day);
        }
        text.push(' ');
        text.push_str(MONTHS.get(date.month as usize - 1).copied().unwrap_or_default());
        text.push(' ');
        text.push_str(&year.to_string());
        for (before, number) in [(' ', hour), (':', minute), (':', second)] {
            text.push(before);
            two(&mut text, number);
        }
        text.push_str(" +0000");
        text
    }
}

/// Adds a number of at most two digits, both of them written.
fn two(text: &mut String, number: u64) {
    let mut digits = *b"00";
    fill(&mut digits, number);
    text.push_str(std::str::from_utf8(&digits).unwrap_or_default());
}

/// Writes a number so that its last digit is the last octet, over as many octets as it has digits.
fn fill(digits: &mut [u8], number: u64) {
    let mut left = number;
    for place in digits.iter_mut().rev() {
        if left == 0 {
            return;
        }
        *place = b'0' + (left % 10) as u8;
        left /= 10;
    }
}

/// As RFC 3339 writes it, in UTC, with milliseconds: `2026-11-21T22:15:37.000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil { year, month, day, hour, minute, second, .. } = Civil::of(*self);
        let millis = self.0 % MICROS_PER_SECOND / 1000;
        if year > 9999 {
            return write!(f, "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z");
        }
        // At once: every line of every log has one.
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (last, number) in
            [(3, year), (6, month), (9, day), (12, hour), (15, minute), (18, second), (22, millis)]
        {
            fill(text.get_mut(..=last).unwrap_or_default(), number);
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// A moment by the proleptic Gregorian calendar.
struct Civil {
    days: u64,
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

impl Civil {
    /// Years are counted from 1 March, so that the leap day comes last and months follow one formula.
    fn of(moment: Timestamp) -> Self {
        let seconds = moment.as_seconds();
        let (days, of_day) = (seconds / SECONDS_PER_DAY, seconds % SECONDS_PER_DAY);
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let day_of_era = shifted % 146_097;
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        Self {
            days,
            year: year_of_era + era * 400 + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * from_march + 2) / 5 + 1,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_the_rfcs_say() {
        let rows = [
            (0, "Thu, 1 Jan 1970 00:00:00 +0000", "1970-01-01T00:00:00.000Z"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000", "2000-02-29T00:00:00.000Z"),
            (1_795_299_337, "Sat, 21 Nov 2026 22:15:37 +0000", "2026-11-21T22:15:37.000Z"),
            (253_402_300_800, "Sat, 1 Jan 10000 00:00:00 +0000", "10000-01-01T00:00:00.000Z"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 +0000", "2100-02-28T23:59:59.000Z"),
        ];
        for (seconds, mail, log) in rows {
            let moment = Timestamp::from_micros(seconds * MICROS_PER_SECOND);
            assert_eq!(moment.rfc5322(), mail);
            assert_eq!(moment.to_string(), log);
        }
    }

    #[test]
    fn adding_saturates() {
        assert_eq!(Timestamp::from_micros(u64::MAX).after(Duration::MAX), Timestamp::from_micros(u64::MAX));
    }
}
