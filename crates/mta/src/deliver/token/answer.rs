//! What a token comes in: JSON of an issuer (RFC 6749 section 5), or of a command.

use std::fmt;
use std::time::Duration;

use gatepost_sasl::{Secret, limits};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::TokenError;

/// Longest description of an error that is passed on, in characters.
const DESCRIPTION_MOST: usize = 200;

/// A token that was just made.
pub(super) struct Fresh {
    pub(super) token: Secret,
    /// How long it is good, where that is said.
    pub(super) lifetime: Option<Duration>,
    /// What to show next time.
    pub(super) refresh_token: Option<Secret>,
}

/// Strings wipe themselves.
#[derive(Deserialize)]
struct Success {
    access_token: Zeroizing<String>,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default)]
    expires_in: Option<Seconds>,
    #[serde(default)]
    refresh_token: Option<Zeroizing<String>>,
}

/// Some issuers write the number as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: Option<String>,
}

impl Fresh {
    /// From JSON with `access_token`, `expires_in` and `refresh_token`.
    pub(super) fn from_json(octets: &[u8]) -> Result<Self, TokenError> {
        let read: Success = serde_json::from_slice(octets)
            .map_err(|_| TokenError::Unusable("the answer is no JSON with an access_token"))?;
        if read.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err(TokenError::Unusable("it is no bearer token"));
        }
        Ok(Self {
            token: usable(&read.access_token)?,
            lifetime: read.expires_in.and_then(|seconds| seconds.duration()),
            refresh_token: read.refresh_token.map(|token| usable(&token)).transpose()?,
        })
    }

    /// From a text that is the token.
    pub(super) fn from_text(text: &str) -> Result<Self, TokenError> {
        Ok(Self { token: usable(text)?, lifetime: None, refresh_token: None })
    }
}

impl Seconds {
    fn duration(&self) -> Option<Duration> {
        let seconds = match self {
            Self::Number(seconds) => *seconds,
            Self::Text(text) => text.trim().parse().ok()?,
        };
        Duration::try_from_secs_f64(seconds).ok()
    }
}

/// What fits into a message of SASL: visible ASCII (RFC 6750 section 2.1 permits less).
pub(super) fn usable(text: &str) -> Result<Secret, TokenError> {
    if text.is_empty() {
        return Err(TokenError::Unusable("it is empty"));
    }
    if text.len() > limits::TOKEN_OCTETS_MOST {
        return Err(TokenError::Unusable("it is too long"));
    }
    if !text.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err(TokenError::Unusable("it holds what no token can hold"));
    }
    Ok(Secret::new(text))
}

/// What an issuer says to its refusal (RFC 6749 section 5.2): its code, and its description unless that repeats a secret.
pub(super) fn refusal(status: u16, body: &[u8], secrets: &[&str]) -> TokenError {
    let said = serde_json::from_slice::<Refusal>(body).map_or_else(
        |_| "without a reason".to_owned(),
        |read| {
            let description =
                read.error_description.filter(|text| !secrets.iter().any(|it| text.contains(it)));
            let error = Shown(&read.error).to_string();
            description
                .map_or_else(|| error.clone(), |text| format!("{error}, {:?}", Shown(&text).to_string()))
        },
    );
    TokenError::Refused { status, said }
}

/// A text of others: printable, and cut.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let printable = |letter: char| if letter.is_control() { ' ' } else { letter };
        self.0
            .chars()
            .take(DESCRIPTION_MOST)
            .try_for_each(|letter| write!(formatter, "{}", printable(letter)))
    }
}
