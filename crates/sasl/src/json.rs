//! The little JSON (RFC 8259) that refused OAuth clients are told: one flat object, written and read by hand.
//!
//! A pure crate has no need of a whole JSON library for one object of three texts.

use std::fmt::Write as _;

use crate::limits;

/// An object of texts, in this order. All of it is printable ASCII: other characters are written as `\uXXXX`.
pub(crate) fn write(members: &[(&str, &str)]) -> String {
    let written: Vec<_> =
        members.iter().map(|(name, text)| format!("{}:{}", quoted(name), quoted(text))).collect();
    format!("{{{}}}", written.join(","))
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(octet @ (b'"' | b'\\')) => quoted.extend(['\\', char::from(octet)]),
            Ok(octet) if octet.is_ascii_graphic() || octet == b' ' => quoted.push(char::from(octet)),
            // Writing to a text cannot fail.
            Ok(_) | Err(_) => drop(write!(quoted, "\\u{unit:04x}")),
        }
    }
    quoted + "\""
}

/// The text of one member of an object; none if it is absent or no text, or if the octets are no object, nested deeper than
/// [`limits::JSON_DEPTH_MOST`]. Of several members of that name the first counts.
pub(crate) fn text_of(octets: &[u8], name: &str) -> Option<String> {
    let mut reader = Reader { rest: std::str::from_utf8(octets).ok()? };
    let mut found = None;
    reader.take("{")?;
    reader.members(limits::JSON_DEPTH_MOST, |member, value| {
        if member == name && found.is_none() {
            found = value;
        }
    })?;
    reader.skip_space();
    if reader.rest.is_empty() { found } else { None }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    /// The word, after white space; none if something else stands there.
    fn take(&mut self, word: &str) -> Option<()> {
        self.skip_space();
        self.rest = self.rest.strip_prefix(word)?;
        Some(())
    }

    /// The members of an object whose brace is read already, to the closing one.
    fn members(&mut self, depth: usize, mut tell: impl FnMut(&str, Option<String>)) -> Option<()> {
        if self.take("}").is_some() {
            return Some(());
        }
        loop {
            self.take("\"")?;
            let name = self.text()?;
            self.take(":")?;
            let value = self.value(depth)?;
            tell(&name, value);
            if self.take(",").is_none() {
                return self.take("}");
            }
        }
    }

    fn elements(&mut self, depth: usize) -> Option<()> {
        if self.take("]").is_some() {
            return Some(());
        }
        loop {
            self.value(depth)?;
            if self.take(",").is_none() {
                return self.take("]");
            }
        }
    }

    /// Any value; the text if it is one.
    fn value(&mut self, depth: usize) -> Option<Option<String>> {
        if self.take("\"").is_some() {
            return self.text().map(Some);
        }
        if self.take("{").is_some() {
            return self.members(depth.checked_sub(1)?, |_, _| ()).map(|()| None);
        }
        if self.take("[").is_some() {
            return self.elements(depth.checked_sub(1)?).map(|()| None);
        }
        // A number or a literal; which one does not matter here.
        let after = self
            .rest
            .trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || "+-.".contains(letter));
        if after.len() == self.rest.len() {
            return None;
        }
        self.rest = after;
        Some(None)
    }

    /// A text whose first quote is read already, to the closing one.
    fn text(&mut self) -> Option<String> {
        // UTF-16, since that is what escapes are in: a letter may be two of them.
        let mut units = Vec::new();
        let mut letters = self.rest.chars();
        loop {
            match letters.next()? {
                '"' => break,
                '\\' => match letters.next()? {
                    'u' => {
                        let digits = letters.as_str().get(..4)?;
                        let are_digits = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                        units.push(u16::from_str_radix(digits, 16).ok().filter(|_| are_digits)?);
                        letters = letters.as_str().get(4..)?.chars();
                    }
                    letter => units.push(escaped(letter)?),
                },
                letter if u32::from(letter) < 0x20 => return None,
                letter => units.extend_from_slice(letter.encode_utf16(&mut [0; 2])),
            }
        }
        self.rest = letters.as_str();
        Some(String::from_utf16_lossy(&units))
    }
}

/// What an escape of one letter stands for.
fn escaped(letter: char) -> Option<u16> {
    match letter {
        '"' | '\\' | '/' => u16::try_from(u32::from(letter)).ok(),
        'b' => Some(0x08),
        'f' => Some(0x0c),
        'n' => Some(0x0a),
        'r' => Some(0x0d),
        't' => Some(0x09),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{text_of, write};

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["", "a b", "\"\\/", "\r\n\t\0\x7f", "\u{e9}\u{20ac}\u{1f511}", "}{,:"] {
            let written = write(&[("other", "x"), ("status", text)]);
            assert!(written.bytes().all(|octet| octet.is_ascii_graphic() || octet == b' '), "{written}");
            assert_eq!(text_of(written.as_bytes(), "status").as_deref(), Some(text), "{written}");
        }
        assert_eq!(write(&[]), "{}");
        assert_eq!(write(&[("a", "b"), ("c", "\"")]), r#"{"a":"b","c":"\""}"#);
    }

    #[test]
    fn objects_are_read() {
        let rows = [
            (r#"{"status":"invalid_token"}"#, Some("invalid_token")),
            (" { \"a\" : 1 , \"status\"\r\n:\t\"x\" } ", Some("x")),
            (r#"{"a":[1,-2.5e+3,{"status":"no"},[]],"b":{},"c":null,"status":"x"}"#, Some("x")),
            (r#"{"status":"\u0041\n\/\ud83d\ude00"}"#, Some("A\n/\u{1f600}")),
            (r#"{"status":"\ud83d"}"#, Some("\u{fffd}")),
            (r#"{"status":"x","status":"y"}"#, Some("x")),
            (r#"{"a":"status"}"#, None),
            (r#"{"status":401}"#, None),
            ("{}", None),
            ("", None),
            (r#""status""#, None),
            (r#"{"status":"x""#, None),
            (r#"{"status":"x"}}"#, None),
            (r#"{"status":"x",}"#, None),
            (r#"{"status":"\x"}"#, None),
            (r#"{"status":"\u+123"}"#, None),
            (r#"{"status":"\u12"}"#, None),
            (r#"{"status":"\u123é"}"#, None),
            ("{\"status\":\"\n\"}", None),
            (r#"{status:"x"}"#, None),
            (r#"{"status":}"#, None),
            (r#"{"a":[1 2],"status":"x"}"#, None),
        ];
        for (text, want) in rows {
            assert_eq!(text_of(text.as_bytes(), "status").as_deref(), want, "{text}");
        }
        assert_eq!(text_of(b"{\"status\":\"\xff\"}", "status"), None);
    }

    #[test]
    fn depth_is_bounded() {
        let nested =
            |depth: usize| format!(r#"{{"a":{}{},"status":"x"}}"#, "[".repeat(depth), "]".repeat(depth));
        let most = crate::limits::JSON_DEPTH_MOST;
        assert_eq!(text_of(nested(most).as_bytes(), "status").as_deref(), Some("x"));
        assert_eq!(text_of(nested(most + 1).as_bytes(), "status"), None);
        assert_eq!(text_of(nested(4_000).as_bytes(), "status"), None);
        let objects = |depth: usize| {
            format!(r#"{{"a":{}1{},"status":"x"}}"#, r#"{"a":"#.repeat(depth), "}".repeat(depth))
        };
        assert_eq!(text_of(objects(most).as_bytes(), "status").as_deref(), Some("x"));
        assert_eq!(text_of(objects(most + 1).as_bytes(), "status"), None);
    }
}
