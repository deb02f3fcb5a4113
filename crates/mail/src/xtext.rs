//! How ENVID and ORCPT are spelt on the wire: xtext (RFC 3461 section 4) and its sister for addresses in UTF-8
//! (RFC 6533 section 3).
//!
//! Readers refuse what decodes to a control character: both values end up in reports, as text on a line.

/// Writes a text as xtext: printable ASCII but `+` and `=` as it is, every other octet as `+` and two digits.
///
/// ```
/// assert_eq!(gatepost_mail::xtext::encode("a+b c"), "a+2Bb+20c");
/// ```
#[must_use]
pub fn encode(text: &str) -> String {
    let mut xtext = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'+' | b'=' | ..=b' ' | 0x7f.. => {
                xtext.push('+');
                xtext.push(digit(octet >> 4));
                xtext.push(digit(octet & 0xf));
            }
            _ => xtext.push(char::from(octet)),
        }
    }
    xtext
}

/// Reads xtext. Small letters are taken as digits too, since clients write them.
///
/// `None` if it is none, or stands for anything but printable ASCII and spaces (RFC 3461 sections 4.2 and 4.4).
#[must_use]
pub fn decode(xtext: &str) -> Option<String> {
    let mut text = String::with_capacity(xtext.len());
    let mut octets = xtext.bytes();
    while let Some(octet) = octets.next() {
        let octet = match octet {
            b'+' => value(octets.next()?)? << 4 | value(octets.next()?)?,
            b'=' | ..=b' ' | 0x7f.. => return None,
            plain => plain,
        };
        if !matches!(octet, b' '..=b'~') {
            return None;
        }
        text.push(char::from(octet));
    }
    Some(text)
}

/// Writes an address of kind `utf-8` in ASCII: what xtext would encode, the backslash and all that is not ASCII
/// become `\x{…}` (utf-8-addr-xtext, RFC 6533 section 3).
#[must_use]
pub fn encode_utf8_address(address: &str) -> String {
    let mut ascii = String::with_capacity(address.len());
    for letter in address.chars() {
        if matches!(letter, '!'..='~') && !matches!(letter, '+' | '=' | '\\') {
            ascii.push(letter);
        } else {
            ascii.push_str(&format!("\\x{{{:02X}}}", u32::from(letter)));
        }
    }
    ascii
}

/// Reads an address of kind `utf-8`: the ASCII form, the form that holds UTF-8 as it is, or xtext of UTF-8, which
/// RFC 6533 section 3 lets through as well.
///
/// `None` if it is none of them, or holds a control character.
#[must_use]
pub fn decode_utf8_address(written: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(written.len());
    let mut rest = written;
    while let Some(letter) = rest.chars().next() {
        let tail = rest.get(letter.len_utf8()..)?;
        rest = match letter {
            '+' => {
                let pair = tail.as_bytes().first_chunk::<2>()?;
                octets.push(value(pair[0])? << 4 | value(pair[1])?);
                tail.get(2..)?
            }
            '\\' => {
                let (code, after) = tail.strip_prefix("x{")?.split_once('}')?;
                let letter = code_point(code)?;
                octets.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                after
            }
            '=' | ' ' => return None,
            plain => {
                octets.extend_from_slice(plain.encode_utf8(&mut [0; 4]).as_bytes());
                tail
            }
        };
    }
    String::from_utf8(octets).ok().filter(|text| !text.contains(char::is_control))
}

fn code_point(digits: &str) -> Option<char> {
    let fits = (2..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| u32::from_str_radix(digits, 16).ok()).flatten().and_then(char::from_u32)
}

fn digit(nibble: u8) -> char {
    char::from(if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 })
}

fn value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["", "QQ314159", "a+b=c d", "\"x y\"@example.org", "~!"] {
            let xtext = encode(text);
            assert!(xtext.bytes().all(|b| b.is_ascii_graphic() && b != b'='), "{xtext}");
            assert_eq!(decode(&xtext).as_deref(), Some(text));
        }
        for text in
            ["ada@example.org", "jürgen+x=1@bücher.example", "a\\b c@example.org", "\u{1F4EC}@x.example"]
        {
            let ascii = encode_utf8_address(text);
            assert!(ascii.bytes().all(|b| b.is_ascii_graphic() && !b"+=".contains(&b)), "{ascii}");
            assert_eq!(decode_utf8_address(&ascii).as_deref(), Some(text));
        }
    }

    #[test]
    fn every_spelling_of_a_utf8_address_is_read() {
        for written in
            ["jürgen@x.example", "j\\x{FC}rgen@x.example", "j\\x{fc}rgen@x.example", "j+C3+BCrgen@x.example"]
        {
            assert_eq!(decode_utf8_address(written).as_deref(), Some("jürgen@x.example"), "{written}");
        }
    }

    #[test]
    fn what_is_no_xtext_is_refused() {
        for wrong in ["+", "+4", "+4G", "a=b", "a b", "ü", "+0D+0A", "+00", "+7F", "+C3+BC", "tab\there"] {
            assert_eq!(decode(wrong), None, "{wrong:?}");
        }
        for wrong in [
            "\\",
            "\\x",
            "\\x{",
            "\\x{41",
            "\\x{}",
            "\\x{D800}",
            "\\x{0A}",
            "+C3",
            "+ü",
            "a b",
            "\\x{+41}",
            "\\x{0000041}",
            "\u{7f}",
        ] {
            assert_eq!(decode_utf8_address(wrong), None, "{wrong:?}");
        }
    }
}
