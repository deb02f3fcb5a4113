//! Durations, sizes and counts.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use gatepost_mail::Octets;

use crate::config::read::{Raw, TextValue, Value, Wrong};

/// A duration, written with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wait(pub Duration);

/// Longest duration that makes sense in a mail server: ten years.
const LONGEST: Duration = Duration::from_secs(3650 * 86_400);

impl TextValue for Wait {
    const FORM: &'static str = "a duration such as \"90s\", \"15m\", \"4h\" or \"5d\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let wrong = |what: &str| Wrong::new(what, format!("write {}", Self::FORM));
        let (number, unit) = parts(text);
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            "" => return Err(wrong("this duration has no unit")),
            _ => return Err(wrong("this is not a duration")),
        };
        let number: u64 = number.parse().map_err(|_| wrong("this is not a duration"))?;
        let wait = Duration::from_secs(number.saturating_mul(seconds));
        if wait > LONGEST { Err(wrong("this is more than ten years")) } else { Ok(Self(wait)) }
    }
}

/// A size, written with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub Octets);

impl TextValue for Size {
    const FORM: &'static str = "a size such as \"512KiB\" or \"50MiB\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let wrong = |what: &str| Wrong::new(what, format!("write {}", Self::FORM));
        let (number, unit) = parts(text);
        let octets: u64 = match unit {
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "" => return Err(wrong("this size has no unit")),
            "KB" | "MB" | "GB" | "kB" | "K" | "M" | "G" | "kb" | "mb" | "gb" | "k" | "m" | "g" => {
                return Err(wrong("units are KiB, MiB and GiB"));
            }
            _ => return Err(wrong("this is not a size")),
        };
        let number: u64 = number.parse().map_err(|_| wrong("this is not a size"))?;
        let octets = number.checked_mul(octets).ok_or_else(|| wrong("this is too large"))?;
        Ok(Self(Octets(octets)))
    }
}

/// `25 MiB` → `25` and `MiB`.
fn parts(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

impl Value for NonZeroU32 {
    const SHAPE: &'static str = "a whole number from 1 on";

    fn from_raw(raw: &Raw<'_>) -> Result<Self, Wrong> {
        number(raw).and_then(Self::new).ok_or_else(|| wrong_number(raw, Self::SHAPE))
    }
}

impl Value for NonZeroU16 {
    const SHAPE: &'static str = "a port from 1 to 65535";

    fn from_raw(raw: &Raw<'_>) -> Result<Self, Wrong> {
        let port = number(raw).and_then(|number| u16::try_from(number).ok());
        port.and_then(Self::new).ok_or_else(|| wrong_number(raw, Self::SHAPE))
    }
}

fn number(raw: &Raw<'_>) -> Option<u32> {
    match raw {
        Raw::Number(number) => u32::try_from(*number).ok(),
        Raw::Text(_) | Raw::Truth(_) | Raw::Other => None,
    }
}

fn wrong_number(raw: &Raw<'_>, form: &str) -> Wrong {
    let what = match raw {
        Raw::Number(_) => "this number is out of range",
        Raw::Text(_) | Raw::Truth(_) | Raw::Other => "this is not a whole number",
    };
    Wrong::new(what, format!("write {form}, without quotes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        let rows = [
            ("90s", Some(90)),
            ("15m", Some(900)),
            ("4h", Some(14_400)),
            ("5d", Some(432_000)),
            ("0s", Some(0)),
            ("5 d", Some(432_000)),
            ("15", None),
            ("", None),
            ("m", None),
            ("-1m", None),
            ("1.5h", None),
            ("1w", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
        ];
        for (text, want) in rows {
            let read = Wait::from_text(text).ok();
            assert_eq!(read, want.map(|seconds| Wait(Duration::from_secs(seconds))), "{text}");
        }
    }

    #[test]
    fn sizes_have_a_unit() {
        let rows = [
            ("512KiB", Some(524_288)),
            ("25 MiB", Some(26_214_400)),
            ("1GiB", Some(1 << 30)),
            ("50MB", None),
            ("50", None),
            ("MiB", None),
            ("18446744073709551615GiB", None),
        ];
        for (text, want) in rows {
            assert_eq!(Size::from_text(text).ok(), want.map(|octets| Size(Octets(octets))), "{text}");
        }
    }
}
