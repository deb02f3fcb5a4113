//! Lists of names with values as HTTP's authentication writes them (`realm="x",qop=auth`), to parts and back: the messages of
//! DIGEST-MD5 (RFC 2831 section 7) and the credentials of OAuth 1 (RFC 5849 section 3.5.1).

/// A list of directives, read.
///
/// Names are compared without case; values are unquoted and unescaped octets. Which names may stand there twice only
/// the reader of each message knows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Directives(Vec<(String, Vec<u8>)>);

impl Directives {
    /// Reads a list, none if it is not of the form. White space and empty elements between commas are skipped, as the
    /// `#rule` of HTTP has it.
    pub(crate) fn read(mut octets: &[u8]) -> Option<Self> {
        let mut found = Vec::new();
        loop {
            octets = skip_space(octets);
            let (name, rest) = take_token(octets);
            if name.is_empty() {
                // Only an empty element has no name.
                match octets {
                    [] => return Some(Self(found)),
                    [b',', rest @ ..] => octets = rest,
                    _ => return None,
                }
                continue;
            }
            let rest = skip_space(rest).strip_prefix(b"=")?;
            let (value, rest) = take_value(skip_space(rest))?;
            found.push((String::from_utf8_lossy(name).into_owned(), value));
            octets = match skip_space(rest) {
                [] => return Some(Self(found)),
                [b',', rest @ ..] => rest,
                _ => return None,
            };
        }
    }

    /// Names as they came, with their values, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The values of this name, in order.
    pub(crate) fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.0
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// The value of a name that may be missing; an error if it is there twice.
    pub(crate) fn optional(&self, name: &str) -> Result<Option<&[u8]>, Twice> {
        let mut values = self.all(name);
        let first = values.next();
        if values.next().is_some() { Err(Twice) } else { Ok(first) }
    }

    /// The value of a name that must be there once.
    pub(crate) fn once(&self, name: &str) -> Option<&[u8]> {
        self.optional(name).ok().flatten()
    }
}

/// A directive that may be there only once is there twice.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Twice;

fn skip_space(octets: &[u8]) -> &[u8] {
    let end = octets.iter().position(|octet| !matches!(octet, b' ' | b'\t' | b'\r' | b'\n'));
    octets.get(end.unwrap_or(octets.len())..).unwrap_or_default()
}

/// A `token` of RFC 2616 section 2.2, which may be empty, and what follows it.
fn take_token(octets: &[u8]) -> (&[u8], &[u8]) {
    let is_token = |octet: &u8| octet.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(octet);
    let end = octets.iter().position(|octet| !is_token(octet)).unwrap_or(octets.len());
    octets.split_at(end)
}

/// A token or a quoted string, whichever stands there: real clients quote what needs no quotes (`qop="auth"`).
fn take_value(octets: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    if let Some(quoted) = octets.strip_prefix(b"\"") {
        return take_quoted(quoted);
    }
    let (token, rest) = take_token(octets);
    (!token.is_empty()).then(|| (token.to_vec(), rest))
}

/// What stands up to the closing quote.
fn take_quoted(octets: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut value = Vec::new();
    let mut rest = octets.iter();
    loop {
        match *rest.next()? {
            b'"' => return Some((value, rest.as_slice())),
            b'\\' => value.push(*rest.next()?),
            octet if octet.is_ascii_control() && octet != b'\t' => return None,
            octet => value.push(octet),
        }
    }
}

/// A value in quotes.
pub(crate) fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::{Directives, Twice, quoted};

    fn list(text: &str) -> Option<Vec<(String, String)>> {
        let text_of = |(name, value)| (name, String::from_utf8(value).unwrap());
        Directives::read(text.as_bytes()).map(|list| list.0.into_iter().map(text_of).collect())
    }

    #[test]
    fn lists_are_read_as_clients_write_them() {
        let rows: [(&str, &[(&str, &str)]); 10] = [
            ("", &[]),
            (" ,, ,", &[]),
            ("qop=auth", &[("qop", "auth")]),
            ("QOP=\"auth\"", &[("QOP", "auth")]),
            ("nc=00000001,\r\n  Qop = auth ,", &[("nc", "00000001"), ("Qop", "auth")]),
            (",a=b,,c=\"d,e=f\"", &[("a", "b"), ("c", "d,e=f")]),
            (r#"username="a\"b\\c\d""#, &[("username", r#"a"b\cd"#)]),
            ("realm=\"\"", &[("realm", "")]),
            ("username=\"\u{e9}va\"", &[("username", "\u{e9}va")]),
            ("a=1,A=2", &[("a", "1"), ("A", "2")]),
        ];
        for (text, want) in rows {
            let want = want.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            assert_eq!(list(text), Some(want.collect()), "{text}");
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let rows = [
            "a",
            "a=",
            "a=,",
            "=b",
            "a=\"b",
            "a=\"b\\",
            "a=b c=d",
            "a=\"b\"c=d",
            "a=b;c=d",
            "a==b",
            "a=\"\0\"",
            "a=\"\r\n\"",
            "a=b/c",
            "\u{e9}=b",
            "a=\u{e9}",
        ];
        for text in rows {
            assert_eq!(list(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_name_is_there_once_twice_or_not() {
        let list = Directives::read(b"a=1,b=2,A=3").unwrap();
        assert_eq!((list.once("a"), list.once("b"), list.once("c")), (None, Some(b"2".as_slice()), None));
        assert_eq!((list.optional("a"), list.optional("c")), (Err(Twice), Ok(None)));
        assert_eq!(list.all("a").collect::<Vec<_>>(), [b"1", b"3"]);
    }

    #[test]
    fn what_is_quoted_is_read_back() {
        for value in ["", "ada", "a\"b", "\\", "\\\"", "a, b=c", "\u{e9}"] {
            let written = format!("x={}", quoted(value));
            assert_eq!(list(&written), Some(vec![("x".to_owned(), value.to_owned())]), "{value}");
        }
    }
}
