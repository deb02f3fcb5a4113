//! The GS2 header (RFC 5801 section 4) that SCRAM and the OAuth mechanisms begin with, and its names.

/// The header of a mechanism that cannot bind to a channel: `n,a=ada,`. The names are unescaped and not yet prepared.
///
/// `y` is taken like `n`: without a -PLUS form there is no list that somebody could have changed.
pub(crate) fn read_unbound(header: &str) -> Option<Option<String>> {
    let named = header.strip_prefix("n,").or_else(|| header.strip_prefix("y,"))?.strip_suffix(',')?;
    if named.is_empty() {
        return Some(None);
    }
    // A comma of the name itself would be escaped.
    let name = named.strip_prefix("a=").filter(|name| !name.contains(','))?;
    unescape(name).map(Some)
}

/// A `saslname` back to the name: `=2C` is a comma, `=3D` an equals sign, and nothing else may follow `=`.
pub(crate) fn unescape(text: &str) -> Option<String> {
    let mut pieces = text.split('=');
    let mut name = pieces.next()?.to_owned();
    for piece in pieces {
        let (code, rest) = piece.split_at_checked(2)?;
        name.push(match code {
            "2C" | "2c" => ',',
            "3D" | "3d" => '=',
            _ => return None,
        });
        name.push_str(rest);
    }
    (!name.is_empty()).then_some(name)
}

/// A name as a `saslname`.
pub(crate) fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

#[cfg(test)]
mod tests {
    use super::{escape, read_unbound};

    #[test]
    fn headers_are_read() {
        let rows = [
            ("n,,", Some(None)),
            ("y,,", Some(None)),
            ("n,a=ada@gatepost.example,", Some(Some("ada@gatepost.example"))),
            ("n,a=a=3Db=2Cc,", Some(Some("a=b,c"))),
            ("n,", None),
            ("n", None),
            ("", None),
            ("n,a=,", None),
            ("n,ada,", None),
            ("n,a=b=,", None),
            ("n,a=b,c,", None),
            ("p=tls-exporter,,", None),
            ("N,,", None),
        ];
        for (header, want) in rows {
            assert_eq!(read_unbound(header), want.map(|name| name.map(str::to_owned)), "{header}");
        }
        assert_eq!(read_unbound(&format!("n,a={},", escape("=2C,"))), Some(Some("=2C,".to_owned())));
    }
}
