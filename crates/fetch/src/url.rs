//! An address to ask.

use std::fmt;
use std::net::IpAddr;

use hyper::Uri;

use crate::limits;

/// An `https://` address, or an `http://` address of this machine.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    uri: Uri,
    channel: Channel,
    host: String,
}

/// Whether the request is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Tls,
    /// To loopback only.
    Clear,
}

/// A text that is no address to ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It is no URL with a host.
    #[error("this is no https:// address")]
    Syntax,
    /// Longer than [`limits::URL_OCTETS_MOST`].
    #[error("an address has at most {} octets", limits::URL_OCTETS_MOST)]
    TooLong,
    /// Whoever can read the traffic could read or change what comes.
    #[error("http:// is for this machine only; write https://")]
    Clear,
    /// A password has no place in an address: addresses are shown.
    #[error("an address that holds a user name is not used")]
    UserInfo,
}

impl Url {
    /// Reads an address.
    ///
    /// # Errors
    ///
    /// [`UrlError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > limits::URL_OCTETS_MOST {
            return Err(UrlError::TooLong);
        }
        let uri: Uri = text.parse().map_err(|_| UrlError::Syntax)?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(UrlError::Syntax)?;
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(UrlError::UserInfo);
        }
        let channel = match uri.scheme_str() {
            Some("https") => Channel::Tls,
            Some("http") if names_loopback(&host) => Channel::Clear,
            Some("http") => return Err(UrlError::Clear),
            Some(_) | None => return Err(UrlError::Syntax),
        };
        Ok(Self { uri, channel, host })
    }

    /// The address of something below this one, which is taken for a folder: `/.well-known/openid-configuration` of an issuer.
    ///
    /// # Errors
    ///
    /// [`UrlError`] when the two do not make an address.
    pub fn below(&self, path: &str) -> Result<Self, UrlError> {
        let whole = self.uri.to_string();
        let (base, _query) = whole.split_once('?').unwrap_or((&whole, ""));
        Self::parse(&format!("{}/{}", base.trim_end_matches('/'), path.trim_start_matches('/')))
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel
    }

    /// Without brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(match self.channel {
            Channel::Tls => 443,
            Channel::Clear => 80,
        })
    }

    /// Host and port as a Host field has them.
    pub(crate) fn authority(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }

    /// What a request line asks for.
    pub(crate) fn target(&self) -> &str {
        self.uri.path_and_query().map_or("/", |target| target.as_str())
    }
}

fn names_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Without the query, which may hold what is not to be shown.
impl fmt::Display for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.uri.scheme_str().unwrap_or_default();
        write!(formatter, "{scheme}://{}{}", self.authority(), self.uri.path())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Url({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::{Url, UrlError};

    #[test]
    fn what_is_an_address_to_ask() {
        let rows = [
            ("https://login.example.org/token", None),
            ("https://login.example.org:8443/a?b=c", None),
            ("https://[2001:db8::1]/token", None),
            ("http://127.0.0.1:8080/token", None),
            ("http://[::1]:8080/token", None),
            ("http://localhost:8080/token", None),
            ("http://login.example.org/token", Some(UrlError::Clear)),
            ("http://localhost.example.org/token", Some(UrlError::Clear)),
            ("http://127.0.0.1@192.0.2.1/", Some(UrlError::UserInfo)),
            ("https://ada:pencil@login.example.org/", Some(UrlError::UserInfo)),
            ("ftp://login.example.org/", Some(UrlError::Syntax)),
            ("login.example.org", Some(UrlError::Syntax)),
            ("/token", Some(UrlError::Syntax)),
            ("", Some(UrlError::Syntax)),
        ];
        for (text, want) in rows {
            assert_eq!(Url::parse(text).err(), want, "{text}");
        }
        assert_eq!(Url::parse(&format!("https://a/{}", "x".repeat(2048))).err(), Some(UrlError::TooLong));
    }

    #[test]
    fn an_address_below_another() {
        for issuer in ["https://login.example.org/realm", "https://login.example.org/realm/"] {
            let below = Url::parse(issuer).unwrap().below("/.well-known/openid-configuration").unwrap();
            assert_eq!(below.to_string(), "https://login.example.org/realm/.well-known/openid-configuration");
        }
    }

    #[test]
    fn a_query_is_not_shown() {
        let url = Url::parse("https://login.example.org/a?key=hidden").unwrap();
        assert_eq!(format!("{url:?}"), "Url(https://login.example.org/a)");
        assert_eq!(url.target(), "/a?key=hidden");
    }
}
