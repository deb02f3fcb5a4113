//! Values that every run of a target has alike.

use std::time::Instant;

use gatepost_mail::{Domain, Timestamp};

/// Our name.
#[expect(clippy::expect_used, reason = "a constant of ours")]
pub(crate) fn hostname() -> Domain {
    Domain::parse("mail.ours.example").expect("a domain")
}

/// The moment at which all of it happens: no target looks at how much time has gone by.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The same on the wall.
pub(crate) const fn at() -> Timestamp {
    Timestamp::from_micros(1_795_299_337_000_000)
}

/// Asserts that octets are whole lines: each ends with CRLF, holds no other CR or LF and no NUL, and has at most
/// `longest` octets with its CRLF.
pub(crate) fn assert_lines(octets: &[u8], longest: usize) {
    assert!(octets.is_empty() || octets.ends_with(b"\r\n"), "no line end: {}", octets.escape_ascii());
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        assert!(line.len() <= longest, "{} octets: {}", line.len(), line.escape_ascii());
        let text = line.strip_suffix(b"\r\n");
        assert!(text.is_some(), "a bare LF: {}", line.escape_ascii());
        let is_clean = text.is_some_and(|text| !text.contains(&b'\r') && !text.contains(&0));
        assert!(is_clean, "a bare CR or NUL: {}", line.escape_ascii());
    }
}
