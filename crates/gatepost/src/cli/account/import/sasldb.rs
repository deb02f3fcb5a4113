//! What Berkeley DB's dump programs print of a sasldb2: after a header, keys and values in turn, a line each.
//!
//! A key is user, realm and property with NULs between. The property `userPassword` is the password itself; others are
//! of mechanisms that nobody has any more.

use gatepost_mail::Domain;
use gatepost_sasl::Secret;

use super::{Entry, Unusable};

/// The property that holds a password.
const PASSWORD: &[u8] = b"userPassword";
const HEADER_END: &str = "HEADER=END";
const DATA_END: &str = "DATA=END";

/// How the dump writes octets.
#[derive(Clone, Copy)]
enum Form {
    /// `-p`: printable ones as they are, others as a backslash and two digits.
    Print,
    /// Two digits each.
    Bytes,
}

/// The accounts of a dump, or why it is none.
pub(super) fn entries(text: &str, domain: Option<&Domain>) -> Result<Vec<Entry>, &'static str> {
    let (header, form) = header(text)?;
    let mut lines = text.lines().enumerate().skip(header).take_while(|(_, line)| *line != DATA_END);
    let mut all = Vec::new();
    while let (Some((index, key)), Some((_, value))) = (lines.next(), lines.next()) {
        all.push(entry(index + 1, (octets(key, form), octets(value, form)), domain));
    }
    all.sort_by(|left: &Entry, right| left.name.cmp(&right.name));
    Ok(all)
}

/// How many lines the header has, and how the rest is written.
fn header(text: &str) -> Result<(usize, Form), &'static str> {
    let mut form = Form::Bytes;
    for (index, line) in text.lines().enumerate() {
        match line {
            HEADER_END => return Ok((index + 1, form)),
            "format=print" => form = Form::Print,
            _ => {}
        }
    }
    Err("this is no dump of a sasldb: make one with `db5.3_dump -p /etc/sasldb2`")
}

fn entry(line: usize, (key, value): (Option<Vec<u8>>, Option<Vec<u8>>), domain: Option<&Domain>) -> Entry {
    let broken = |why| Entry { line, name: String::new(), stored: Err(Unusable::Broken(why)), note: None };
    let (Some(key), Some(value)) = (key, value) else { return broken("this is not written as a dump is") };
    let parts: Vec<&[u8]> = key.split(|octet| *octet == 0).collect();
    let [user, realm, property] = parts.as_slice() else { return broken("the key has not three parts") };
    let (Ok(user), Ok(realm)) = (std::str::from_utf8(user), std::str::from_utf8(realm)) else {
        return broken("the name is not UTF-8");
    };
    let name = match domain {
        _ if user.contains('@') => user.to_owned(),
        Some(domain) => format!("{user}@{}", domain.ascii()),
        None if realm.is_empty() => user.to_owned(),
        None => format!("{user}@{realm}"),
    };
    let stored = if *property == PASSWORD {
        Ok(clear(&value))
    } else {
        Err(Unusable::Skipped("this property is of a mechanism that is no more"))
    };
    Entry { line, name, stored, note: None }
}

/// The password in the scheme that says so.
fn clear(password: &[u8]) -> Secret {
    Secret::new([b"{PLAIN}".as_slice(), password].concat())
}

fn octets(line: &str, form: Form) -> Option<Vec<u8>> {
    let mut rest = line.strip_prefix(' ')?.bytes();
    let mut octets = Vec::with_capacity(line.len());
    while let Some(octet) = rest.next() {
        match (form, octet) {
            (Form::Print, b'\\') => match rest.next()? {
                b'\\' => octets.push(b'\\'),
                high => octets.push(pair(high, rest.next()?)?),
            },
            (Form::Print, octet) => octets.push(octet),
            (Form::Bytes, high) => octets.push(pair(high, rest.next()?)?),
        }
    }
    Some(octets)
}

fn pair(high: u8, low: u8) -> Option<u8> {
    let digit = |octet: u8| char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some((digit(high)? << 4) | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(entries: &[Entry]) -> Vec<(&str, Option<&[u8]>)> {
        entries
            .iter()
            .map(|entry| (entry.name.as_str(), entry.stored.as_ref().ok().map(Secret::expose)))
            .collect()
    }

    #[test]
    fn both_forms_of_a_dump_are_read() {
        let print = "VERSION=3\nformat=print\ntype=hash\nHEADER=END\n ada\\00there.example\\00userPassword\n a\\\\b\\c3\\a9 c\n bob\\00\\00cmusaslsecretOTP\n x\nDATA=END\n";
        let password = "{PLAIN}a\\b\u{e9} c".as_bytes();
        let want = [("ada@there.example", Some(password)), ("bob", None)];
        assert_eq!(shown(&entries(print, None).unwrap()), want);
        let bytes = "VERSION=3\nformat=bytevalue\nHEADER=END\n 616461007468657265007573657250617373776f7264\n 78\nDATA=END\n";
        let domain = Domain::parse("gatepost.example").unwrap();
        let found = entries(bytes, Some(&domain)).unwrap();
        assert_eq!(shown(&found), [("ada@gatepost.example", Some(b"{PLAIN}x".as_slice()))]);
        assert!(entries("ada:x\n", None).is_err());
        let cut = entries("HEADER=END\n 6\n 7\n", None).unwrap();
        assert!(matches!(cut[0].stored, Err(Unusable::Broken(_))));
    }
}
