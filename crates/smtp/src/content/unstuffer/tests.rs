use gatepost_mail::{Body, Ending, Octets};

use super::*;
use crate::content::{ContentFault, Strictness};

const LINE: usize = 12;
const SIZE: Octets = Octets(40);

/// What comes out of octets that arrive in pieces of this size: content, fault, what is left behind the end.
fn unstuff(octets: &[u8], piece: usize) -> (Vec<u8>, Option<ContentFault>, Option<Vec<u8>>) {
    let mut reader = Unstuffer::new(Inspector::new(Strictness::Lines, LINE, SIZE));
    let (mut pending, mut content) = (Vec::new(), Vec::new());
    let mut ended = false;
    for piece in octets.chunks(piece) {
        pending.extend_from_slice(piece);
        while !ended {
            let consumed = match reader.read(&pending) {
                Unstuffed::Piece { skip, length, consumed } => {
                    content.extend_from_slice(&pending[skip..skip + length]);
                    consumed
                }
                Unstuffed::Refused(count) => count,
                Unstuffed::End(count) => {
                    ended = true;
                    count
                }
                Unstuffed::More => break,
            };
            pending.drain(..consumed);
        }
    }
    (content, reader.inspector().fault(), ended.then_some(pending))
}

#[test]
fn content_ends_at_its_dot_and_nowhere_else() {
    use ContentFault::{BareLineEnd, LineTooLong, Nul, TooLarge};
    let rows: [(&str, &str, Option<ContentFault>, Option<&str>); 27] = [
        ("a\r\n.\r\n", "a\r\n", None, Some("")),
        (".\r\n", "", None, Some("")),
        (".\r\nQUIT\r\n", "", None, Some("QUIT\r\n")),
        ("\r\n.\r\n", "\r\n", None, Some("")),
        ("..\r\n.\r\n", ".\r\n", None, Some("")),
        ("...\r\n.\r\n", "..\r\n", None, Some("")),
        (".a\r\n.\r\n", "a\r\n", None, Some("")),
        ("a.\r\nb\r\n.\r\n", "a.\r\nb\r\n", None, Some("")),
        ("a\r\n.", "a\r\n", None, None),
        ("a\r\n.\r", "a\r\n", None, None),
        ("a\n.\n\r\n.\r\n", "a", Some(BareLineEnd), Some("")),
        ("a\n.\r\nb\r\n.\r\n", "a", Some(BareLineEnd), Some("")),
        ("a\r\n.\nb\r\n.\r\n", "a\r\n", Some(BareLineEnd), Some("")),
        ("a\r.\r\nb\r\n.\r\n", "a\r", Some(BareLineEnd), Some("")),
        ("a\r\n.\rb\r\n.\r\n", "a\r\n\r", Some(BareLineEnd), Some("")),
        ("a\r.\rb\r\n.\r\n", "a\r", Some(BareLineEnd), Some("")),
        ("a\r\n.\r\r\nb\r\n.\r\n", "a\r\n\r", Some(BareLineEnd), Some("")),
        ("\n.\r\nb\r\n.\r\n", "", Some(BareLineEnd), Some("")),
        ("\r.\r\nb\r\n.\r\n", "\r", Some(BareLineEnd), Some("")),
        ("a\r\r\n.\r\n", "a\r", Some(BareLineEnd), Some("")),
        ("a\0\r\n.\r\n", "a", Some(Nul), Some("")),
        (".\0\r\n.\r\n", "", Some(Nul), Some("")),
        ("1234567890\r\n.\r\n", "1234567890\r\n", None, Some("")),
        (".1234567890\r\n.\r\n", "1234567890\r\n", None, Some("")),
        ("12345678901\r\n.\r\n", "1234567890", Some(LineTooLong), Some("")),
        ("12345678901\n.\r\nx\r\n.\r\n", "1234567890", Some(LineTooLong), Some("")),
        (
            "1\r\n1234567\r\n1234567\r\n1234567\r\n1234567\r\n56\r\n\n.\r\n\r\n.\r\nRSET",
            "1\r\n1234567\r\n1234567\r\n1234567\r\n1234567\r\n5",
            Some(TooLarge),
            Some("RSET"),
        ),
    ];
    for (octets, content, fault, rest) in rows {
        let want = (content.as_bytes().to_vec(), fault, rest.map(|rest| rest.as_bytes().to_vec()));
        for piece in 1..=octets.len() {
            assert_eq!(unstuff(octets.as_bytes(), piece), want, "{octets:?} in pieces of {piece}");
        }
    }
}

#[test]
fn a_dot_is_never_read_twice_even_where_no_line_is_allowed() {
    let mut reader = Unstuffer::new(Inspector::new(Strictness::Lines, 0, SIZE));
    assert_eq!(reader.read(b"..\r\n"), Unstuffed::Piece { skip: 1, length: 0, consumed: 1 });
    assert_eq!(reader.read(b".\r\n"), Unstuffed::Refused(3));
}

/// Chunks, what may be in them, and what is seen: the body, the longest line, the ending.
type Row<'a> = (&'a [&'a [u8]], Strictness, Body, usize, Ending);

#[test]
fn what_the_content_needs_is_seen() {
    let rows: [Row<'_>; 8] = [
        (&[b"a\r\nbcd\r\n"], Strictness::Lines, Body::SevenBit, 3, Ending::Line),
        (&[b""], Strictness::Lines, Body::SevenBit, 0, Ending::Line),
        (&[b"\xe9\r\n"], Strictness::Lines, Body::EightBitMime, 1, Ending::Line),
        (&[b"a\r", b"\nbc"], Strictness::Lines, Body::SevenBit, 2, Ending::Open),
        (&[b"a\r", b"\nbc"], Strictness::Anything, Body::SevenBit, 2, Ending::Open),
        (&[b"a\r", b"b\r\n"], Strictness::Anything, Body::BinaryMime, 1, Ending::Line),
        (&[b"\xe9a\0b"], Strictness::Anything, Body::BinaryMime, 2, Ending::Open),
        (&[b"a\r"], Strictness::Anything, Body::BinaryMime, 1, Ending::Open),
    ];
    for (chunks, strictness, body, longest_line, ending) in rows {
        let mut inspector = Inspector::new(strictness, LINE, SIZE);
        let mut size = 0;
        for chunk in chunks {
            size += inspector.look_at(chunk) as u64;
        }
        inspector.finish();
        let seen = inspector.seen();
        assert_eq!(inspector.fault(), None, "{chunks:?}");
        assert_eq!((seen.body, seen.longest_line, seen.ending), (body, longest_line, ending), "{chunks:?}");
        assert_eq!(seen.size, Octets(size));
    }
}

#[test]
fn a_cr_at_the_end_of_all_chunks_is_bare() {
    let mut inspector = Inspector::new(Strictness::Lines, LINE, SIZE);
    inspector.look_at(b"a\r");
    inspector.finish();
    assert_eq!(inspector.fault(), Some(ContentFault::BareLineEnd));
}
