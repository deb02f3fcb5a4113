//! Programs and web addresses that we ask.

use gatepost_directory::HelperPlace;
use gatepost_fetch::Url;

use super::choices::choose;
use crate::config::read::{TextValue, Wrong};

/// A web address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web(pub Url);

impl TextValue for Web {
    const FORM: &'static str = "\"https://HOST/PATH\"; http:// at loopback only";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        Url::parse(text)
            .map(Self)
            .map_err(|cause| Wrong::new(cause.to_string(), format!("write {}", Self::FORM)))
    }
}

/// Where the helper program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelperAt(pub HelperPlace);

impl TextValue for HelperAt {
    const FORM: &'static str = "\"/PATH\" of a program, or \"unix:/PATH\" of a socket";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let (path, place): (&str, fn(std::path::PathBuf) -> HelperPlace) = match text.strip_prefix("unix:") {
            Some(path) => (path, HelperPlace::Socket),
            None => (text, HelperPlace::Program),
        };
        if !path.starts_with('/') || path.contains('\0') {
            return Err(Wrong::new("this is not a whole path", format!("write {}", Self::FORM)));
        }
        Ok(Self(place(path.into())))
    }
}

/// How a token is got (RFC 6749).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// Section 4.4.
    ClientCredentials,
    /// Section 6.
    RefreshToken,
}

impl TextValue for Grant {
    const FORM: &'static str = "\"client-credentials\" or \"refresh-token\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        choose(
            text,
            &[("client-credentials", Self::ClientCredentials), ("refresh-token", Self::RefreshToken)],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_is_a_program_or_a_socket() {
        let rows = [
            (
                "/usr/lib/gatepost/gatepost-helper",
                Some(HelperPlace::Program("/usr/lib/gatepost/gatepost-helper".into())),
            ),
            ("unix:/run/helper", Some(HelperPlace::Socket("/run/helper".into()))),
            ("gatepost-helper", None),
            ("unix:helper", None),
            ("", None),
        ];
        for (text, want) in rows {
            assert_eq!(HelperAt::from_text(text).ok().map(|it| it.0), want, "{text}");
        }
    }

    #[test]
    fn tokens_are_not_asked_for_in_the_clear() {
        assert!(Web::from_text("https://login.example/token").is_ok());
        assert!(Web::from_text("http://login.example/token").is_err());
        assert!(Web::from_text("login.example").is_err());
    }
}
