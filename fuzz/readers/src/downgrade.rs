//! Content made fit for a server without 8BITMIME.

use gatepost_mail::downgrade::{CannotConvert, Downgrade, HeaderCheck};

use crate::choices::{Cuts, Head};

/// RFC 5321 section 4.5.3.1.6, with CRLF.
const LONGEST_LINE: usize = 1000;

/// Converts the octets whole and in pieces, and what came of it again.
///
/// # Panics
///
/// If pieces give another result, or the result is not 7-bit, has lines that the content did not have and that are too
/// long, or would be converted again.
pub fn downgrade(octets: &[u8]) {
    let (head, food) = Head::split(octets);
    let whole = convert(food, |rest| std::mem::take(rest));
    let mut cuts = Cuts::new(head.chance());
    assert_eq!(shown(&convert(food, |rest| cuts.next(rest))), shown(&whole), "in pieces");
    let checked = check(food, |rest| std::mem::take(rest));
    let mut cuts = Cuts::new(head.chance());
    assert_eq!(check(food, |rest| cuts.next(rest)), checked, "the header section in pieces");
    let Ok(converted) = whole else { return };
    assert!(converted.is_ascii(), "{}", converted.escape_ascii());
    assert!(longest(&converted) <= LONGEST_LINE.max(longest(food)), "{}", converted.escape_ascii());
    let again = convert(&converted, |rest| std::mem::take(rest));
    assert_eq!(shown(&again), shown(&Ok(converted)), "twice");
}

fn convert<'a>(
    mut rest: &'a [u8],
    mut cut: impl FnMut(&mut &'a [u8]) -> &'a [u8],
) -> Result<Vec<u8>, CannotConvert> {
    let (mut downgrade, mut out) = (Downgrade::new(), Vec::new());
    while !rest.is_empty() {
        downgrade.piece(cut(&mut rest), &mut out)?;
    }
    downgrade.finish(&mut out)?;
    Ok(out)
}

fn check<'a>(
    mut rest: &'a [u8],
    mut cut: impl FnMut(&mut &'a [u8]) -> &'a [u8],
) -> Result<(), CannotConvert> {
    let mut check = HeaderCheck::default();
    while !rest.is_empty() {
        check.piece(cut(&mut rest))?;
    }
    check.finish()
}

/// What two conversions must have in common. Of several causes that forbid one, any may be found first.
fn shown(converted: &Result<Vec<u8>, CannotConvert>) -> Option<String> {
    converted.as_ref().ok().map(|octets| octets.escape_ascii().to_string())
}

/// The longest line, in octets with its end.
fn longest(content: &[u8]) -> usize {
    content.split_inclusive(|octet| *octet == b'\n').map(<[u8]>::len).max().unwrap_or(0)
}
