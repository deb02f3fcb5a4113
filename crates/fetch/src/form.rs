//! Forms, as browsers write them.

use zeroize::Zeroizing;

/// `application/x-www-form-urlencoded` of the fields.
pub(crate) fn form(fields: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
    // Three octets for each are the most: the buffer never grows, and so leaves no unwiped copy behind.
    let most = fields.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
    let mut octets = Zeroizing::new(Vec::with_capacity(most));
    for (index, (name, value)) in fields.iter().enumerate() {
        if index > 0 {
            octets.push(b'&');
        }
        encode(name, &mut octets);
        octets.push(b'=');
        encode(value, &mut octets);
    }
    octets
}

/// One value in that encoding, as RFC 6749 section 2.3.1 wants client identifier and secret before they become a Basic
/// authorization.
#[must_use]
pub fn percent_encoded(text: &str) -> Zeroizing<String> {
    let mut octets = Zeroizing::new(Vec::with_capacity(3 * text.len()));
    encode(text, &mut octets);
    Zeroizing::new(String::from_utf8_lossy(&octets).into_owned())
}

fn encode(text: &str, octets: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
    for octet in text.bytes() {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => octets.push(octet),
            b' ' => octets.push(b'+'),
            other => octets.extend([b'%', digit(other >> 4), digit(other & 15)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{form, percent_encoded};

    #[test]
    fn a_form_holds_any_text() {
        let fields = [("grant_type", "client_credentials"), ("scope", "mail send"), ("x", "a&b=ü")];
        let written = form(&fields);
        assert_eq!(
            String::from_utf8_lossy(&written),
            "grant_type=client_credentials&scope=mail+send&x=a%26b%3D%C3%BC"
        );
        assert_eq!(*percent_encoded("a:b"), "a%3Ab");
        assert_eq!(form(&[]).len(), 0);
    }
}
