//! xtext and its UTF-8 sister.

use gatepost_mail::xtext as coding;

/// Reads the octets as both forms, and writes them as both.
///
/// # Panics
///
/// If what is written is not printable ASCII, or is not read as the same.
pub fn xtext(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    for text in [Some(text.to_owned()), coding::decode(text)].into_iter().flatten() {
        let written = coding::encode(&text);
        is_word(&written);
        let can_be_read = text.bytes().all(|octet| matches!(octet, b' '..=b'~'));
        assert_eq!(coding::decode(&written), can_be_read.then_some(text));
    }
    for text in [Some(text.to_owned()), coding::decode_utf8_address(text)].into_iter().flatten() {
        let written = coding::encode_utf8_address(&text);
        is_word(&written);
        let can_be_read = !text.contains(char::is_control);
        assert_eq!(coding::decode_utf8_address(&written), can_be_read.then_some(text));
    }
}

/// Fits between two spaces of a command line.
fn is_word(written: &str) {
    assert!(written.bytes().all(|octet| octet.is_ascii_graphic()), "{written:?}");
}
