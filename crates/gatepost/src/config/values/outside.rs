//! Programs and web addresses that we ask.

use gatepost_directory::TokenAccounts;
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

/// What an issuer calls itself: a web address, of which each letter counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(pub String);

impl TextValue for Issuer {
    const FORM: &'static str = Web::FORM;

    fn from_text(text: &str) -> Result<Self, Wrong> {
        Web::from_text(text).map(|_| Self(text.to_owned()))
    }
}

/// Whose accounts the owners of tokens are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenAccountsChoice(pub TokenAccounts);

impl TextValue for TokenAccountsChoice {
    const FORM: &'static str = "\"known\" or \"any\"";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        choose(text, &[("known", TokenAccounts::Known), ("any", TokenAccounts::Any)]).map(Self)
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
    fn tokens_are_not_asked_for_in_the_clear() {
        assert!(Web::from_text("https://login.example/token").is_ok());
        assert!(Web::from_text("http://login.example/token").is_err());
        assert!(Web::from_text("login.example").is_err());
    }
}
