//! Header sections, and the lists of addresses in them.

use gatepost_mail::Octets;
use gatepost_mail::header::{AddressField, HeaderFacts, HeaderLimits, HeaderScan, Progress};

use crate::choices::{Cuts, Head};

/// Limits that short inputs reach.
const NARROW: HeaderLimits = HeaderLimits { section: Octets(300), field: Octets(40) };

/// Scans the octets whole and in pieces, and reads them as a list of addresses.
///
/// # Panics
///
/// If pieces give another result, a limit does not hold, or a list that is written is not read as the same.
pub fn header(octets: &[u8]) {
    let (head, food) = Head::split(octets);
    let limits = head.pick(0, &[HeaderLimits::default(), NARROW]);
    let (end, facts) = scan(limits, food, |rest| std::mem::take(rest));
    let mut cuts = Cuts::new(head.chance());
    let (cut_end, cut_facts) = scan(limits, food, |rest| cuts.next(rest));
    assert_eq!(end, cut_end, "where it ends");
    match end {
        // How much of a section that is refused was looked at is nobody's business.
        End::TooLarge => assert!(Octets::of(food) > limits.section),
        End::At(_) | End::Nowhere => {
            assert_eq!(facts, cut_facts);
            assert!(facts.section <= limits.section);
        }
    }
    check(&facts.from);
    check(&facts.sender);
    check(&AddressField::read(&String::from_utf8_lossy(food)));
}

/// Where the section ended, in octets from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Nowhere,
    At(usize),
    TooLarge,
}

fn scan<'a>(
    limits: HeaderLimits,
    food: &'a [u8],
    mut cut: impl FnMut(&mut &'a [u8]) -> &'a [u8],
) -> (End, HeaderFacts) {
    let mut scan = HeaderScan::new(limits);
    let mut rest = food;
    let mut end = End::Nowhere;
    while !rest.is_empty() && end == End::Nowhere {
        let before = food.len() - rest.len();
        let piece = cut(&mut rest);
        end = match scan.piece(piece) {
            Progress::More => End::Nowhere,
            Progress::Ended { at } => End::At(before + at),
            Progress::TooLarge => End::TooLarge,
        };
    }
    (end, scan.finish())
}

/// What was read is read again from a plain list of it.
fn check(field: &AddressField) {
    let AddressField::Mailboxes(mailboxes) = field else { return };
    let list: Vec<_> = mailboxes.iter().map(ToString::to_string).collect();
    let list = list.join(", ");
    assert_eq!(AddressField::read(&list), *field, "{list:?}");
}
