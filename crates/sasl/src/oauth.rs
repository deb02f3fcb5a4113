//! What the OAuth mechanisms share (RFC 7628): pairs of keys and values, the server that is meant, and how a client is told
//! that its token is no good.
//!
//! ```text
//! client  n,a=ada,^Ahost=mail.example^Aport=587^Aauth=Bearer <token>^A^A
//! server  {"status":"invalid_token","scope":"mail","openid-configuration":"https://..."}
//! client  ^A
//! ```
//!
//! The second and third line are there only for a refusal; SMTP's own reply follows them.

use crate::exchange::server::{Failure, OauthHelp, ServerContext, TokenFault};
use crate::{json, limits};

/// `kvsep`, and the client's whole answer to a refusal.
pub(crate) const SEPARATOR: &str = "\x01";

/// Keys and values in the order they came, no key twice.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pairs<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Pairs<'a> {
    /// Reads `*kvpair kvsep` (RFC 7628 section 3.1).
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let text = text.strip_suffix(SEPARATOR)?;
        if text.is_empty() {
            return Some(Self(Vec::new()));
        }
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for pair in text.strip_suffix(SEPARATOR)?.split(SEPARATOR) {
            let (key, value) = pair.split_once('=')?;
            let is_key = !key.is_empty() && key.bytes().all(|octet| octet.is_ascii_alphabetic());
            let is_value = value.chars().all(|letter| !letter.is_control() || "\t\r\n".contains(letter));
            let is_new = pairs.iter().all(|(known, _)| *known != key);
            if !(is_key && is_value && is_new) {
                return None;
            }
            pairs.push((key, value));
        }
        Some(Self(pairs))
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }
}

/// Reads the first message of OAUTHBEARER and OAUTH10A: whom the client says it is, and the pairs.
pub(crate) fn read(octets: &[u8]) -> Option<(Option<String>, Pairs<'_>)> {
    let (header, pairs) = std::str::from_utf8(octets).ok()?.split_once(SEPARATOR)?;
    Some((crate::gs2::read_unbound(header)?, Pairs::read(pairs)?))
}

/// Where a client must think that it is.
pub(crate) struct Here {
    names: Vec<String>,
    port: u16,
}

impl Here {
    pub(crate) fn new(context: &ServerContext) -> Self {
        Self { names: context.names(), port: context.port }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Refuses a client that names another host or port. Only what it names is compared.
    ///
    /// # Errors
    ///
    /// [`Failure::WrongServer`], or [`Failure::Malformed`] for a port that is no number.
    pub(crate) fn check(&self, pairs: &Pairs<'_>) -> Result<(), Failure> {
        let is_ours = |host: &str| self.names.iter().any(|name| name.eq_ignore_ascii_case(host));
        if pairs.get("host").is_some_and(|host| !is_ours(host)) {
            return Err(Failure::WrongServer);
        }
        let Some(port) = pairs.get("port") else { return Ok(()) };
        // `parse` alone would take a sign.
        let is_number = !port.is_empty() && port.bytes().all(|octet| octet.is_ascii_digit());
        match port.parse::<u16>() {
            _ if !is_number => Err(Failure::Malformed),
            Ok(port) if port == self.port => Ok(()),
            Ok(_) | Err(_) => Err(Failure::WrongServer),
        }
    }
}

/// Whose words a refusal is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// RFC 7628 section 3.2.2.
    Standard,
    /// Google's, for XOAUTH2: HTTP's status codes.
    Google,
}

impl Dialect {
    /// What a client with a bad token is told.
    pub(crate) fn refusal(self, fault: TokenFault, help: &OauthHelp) -> Vec<u8> {
        let mut members = match (self, fault) {
            (Self::Standard, TokenFault::Invalid) => vec![("status", "invalid_token")],
            (Self::Standard, TokenFault::Scope) => vec![("status", "insufficient_scope")],
            (Self::Google, TokenFault::Invalid) => vec![("status", "401"), ("schemes", "Bearer")],
            (Self::Google, TokenFault::Scope) => vec![("status", "403"), ("schemes", "Bearer")],
        };
        members.extend(help.scope.as_deref().map(|scope| ("scope", scope)));
        if self == Self::Standard {
            let address = help.openid_configuration.as_deref();
            members.extend(address.map(|address| ("openid-configuration", address)));
        }
        json::write(&members).into_bytes()
    }

    /// The client's answer to it.
    pub(crate) fn acknowledgement(self) -> &'static str {
        match self {
            Self::Standard => SEPARATOR,
            Self::Google => "",
        }
    }
}

/// What a server's refusal says. Any challenge after a token is one, so what cannot be read is [`TokenFault::Invalid`]:
/// a fresh token may help.
pub(crate) fn fault(challenge: &[u8]) -> TokenFault {
    match json::text_of(challenge, "status").as_deref() {
        Some("insufficient_scope" | "403") => TokenFault::Scope,
        Some(_) | None => TokenFault::Invalid,
    }
}

/// Whether a name can stand in a pair or a header of these mechanisms.
pub(crate) fn can_be_said(name: &str) -> bool {
    name.len() <= limits::NAME_OCTETS_MOST && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Here, Pairs, fault, read};
    use crate::{Failure, OauthHelp, TokenFault};

    #[test]
    fn pairs_are_read() {
        type Row<'a> = (&'a str, Option<&'a [(&'a str, &'a str)]>);
        let rows: [Row<'_>; 13] = [
            ("\x01", Some(&[])),
            ("a=b\x01\x01", Some(&[("a", "b")])),
            ("a=\x01b=c=d\t e\x01\x01", Some(&[("a", ""), ("b", "c=d\t e")])),
            ("a=b\x01A=c\x01\x01", Some(&[("a", "b"), ("A", "c")])),
            ("", None),
            ("a=b", None),
            ("a=b\x01", None),
            ("\x01\x01", None),
            ("a=b\x01\x01\x01", None),
            ("a=b\x01a=c\x01\x01", None),
            ("=b\x01\x01", None),
            ("a1=b\x01\x01", None),
            ("a=b\0\x01\x01", None),
        ];
        for (text, want) in rows {
            assert_eq!(Pairs::read(text).map(|pairs| pairs.0), want.map(<[_]>::to_vec), "{text:?}");
        }
        assert_eq!(read(b"n,,\x01\x01"), Some((None, Pairs(Vec::new()))));
        for octets in [b"n,,".as_slice(), b"n,\x01\x01", b"\xff,,\x01\x01", b""] {
            assert_eq!(read(octets), None, "{octets:?}");
        }
    }

    #[test]
    fn only_what_is_named_is_compared() {
        let names = ["mail.gatepost.example", "smtp.gatepost.example"].map(str::to_owned);
        let here = Here { names: names.to_vec(), port: 587 };
        let rows = [
            ("\x01", Ok(())),
            ("host=MAIL.gatepost.example\x01port=0587\x01\x01", Ok(())),
            ("host=smtp.gatepost.example\x01\x01", Ok(())),
            ("host=mail.gatepost.exampl\x01\x01", Err(Failure::WrongServer)),
            ("host=\x01\x01", Err(Failure::WrongServer)),
            ("port=465\x01\x01", Err(Failure::WrongServer)),
            ("port=66123\x01\x01", Err(Failure::WrongServer)),
            ("port=+587\x01\x01", Err(Failure::Malformed)),
            ("port=\x01\x01", Err(Failure::Malformed)),
            ("port=smtp\x01\x01", Err(Failure::Malformed)),
        ];
        for (text, want) in rows {
            assert_eq!(here.check(&Pairs::read(text).unwrap()), want, "{text:?}");
        }
    }

    /// RFC 7628 section 4.3 has the first two members in this form; Google's page on XOAUTH2 the last row.
    #[test]
    fn refusals_are_written_and_read_back() {
        let help = OauthHelp {
            scope: Some("example_scope".to_owned()),
            openid_configuration: Some("https://example.com/.well-known/openid-configuration".to_owned()),
        };
        let rows = [
            (
                Dialect::Standard,
                TokenFault::Invalid,
                concat!(
                    r#"{"status":"invalid_token","scope":"example_scope","#,
                    r#""openid-configuration":"https://example.com/.well-known/openid-configuration"}"#,
                ),
            ),
            (
                Dialect::Standard,
                TokenFault::Scope,
                concat!(
                    r#"{"status":"insufficient_scope","scope":"example_scope","#,
                    r#""openid-configuration":"https://example.com/.well-known/openid-configuration"}"#,
                ),
            ),
            (
                Dialect::Google,
                TokenFault::Scope,
                r#"{"status":"403","schemes":"Bearer","scope":"example_scope"}"#,
            ),
            (
                Dialect::Google,
                TokenFault::Invalid,
                r#"{"status":"401","schemes":"Bearer","scope":"example_scope"}"#,
            ),
        ];
        for (dialect, said, want) in rows {
            let refusal = dialect.refusal(said, &help);
            assert_eq!(String::from_utf8(refusal.clone()).unwrap(), want);
            assert_eq!(fault(&refusal), said);
        }
        for unreadable in [b"".as_slice(), b"{", b"\xff", b"{\"status\":1}"] {
            assert_eq!(fault(unreadable), TokenFault::Invalid);
        }
        let bare = Dialect::Standard.refusal(TokenFault::Invalid, &OauthHelp::default());
        assert_eq!(bare, br#"{"status":"invalid_token"}"#);
    }
}
