//! What a token says, and whether that is enough. Knows no signature and asks nobody.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost_sasl::TokenFault;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::limits;

/// The claims of a token (RFC 7519 section 4), or what introspection says of it (RFC 7662 section 2.2): the names are the same.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub(super) struct Claims(Map<String, Value>);

/// What they must say.
pub(super) struct Wanted<'a> {
    pub(super) issuer: &'a str,
    pub(super) audience: Option<&'a str>,
    pub(super) scope: Option<&'a str>,
    /// The claim with the login name.
    pub(super) claim: &'a str,
    pub(super) end: End,
}

/// Whether a token must say when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// One that is verified without asking the issuer.
    Demanded,
    /// One that the issuer has just called good.
    WhereSaid,
}

impl Claims {
    /// The login name, as it is written in the token.
    pub(super) fn judge(&self, wanted: &Wanted<'_>, now: u64) -> Result<String, TokenFault> {
        let invalid = Err(TokenFault::Invalid);
        let issuer = self.text("iss");
        let demanded = wanted.end == End::Demanded;
        if issuer.is_some_and(|issuer| issuer != wanted.issuer) || (demanded && issuer.is_none()) {
            return invalid;
        }
        if !self.is_current(wanted.end, now) {
            return invalid;
        }
        if wanted.audience.is_some_and(|audience| !self.texts("aud").contains(&audience)) {
            return invalid;
        }
        let granted: Vec<&str> = ["scope", "scp"]
            .iter()
            .flat_map(|claim| self.texts(claim))
            .flat_map(str::split_whitespace)
            .collect();
        let mut needed = wanted.scope.unwrap_or_default().split_whitespace();
        if !needed.all(|scope| granted.contains(&scope)) {
            return Err(TokenFault::Scope);
        }
        if wanted.claim == "email" && self.email_is_doubtful() {
            return invalid;
        }
        self.text(wanted.claim).map(str::to_owned).ok_or(TokenFault::Invalid)
    }

    /// When the token ends, in seconds since 1970.
    pub(super) fn end(&self) -> Option<u64> {
        self.time("exp").and_then(Result::ok)
    }

    /// Whether introspection calls the token good.
    pub(super) fn is_active(&self) -> Option<bool> {
        self.0.get("active").and_then(Value::as_bool)
    }

    fn is_current(&self, end: End, now: u64) -> bool {
        let leeway = limits::TOKEN_LEEWAY.as_secs();
        let not_over = match self.time("exp") {
            Some(exp) => exp.is_ok_and(|exp| now < exp.saturating_add(leeway)),
            None => end == End::WhereSaid,
        };
        let begun = self.time("nbf").is_none_or(|nbf| nbf.is_ok_and(|nbf| nbf <= now.saturating_add(leeway)));
        not_over && begun
    }

    /// `email_verified` is a boolean by OpenID Connect, and a text with some issuers.
    fn email_is_doubtful(&self) -> bool {
        match self.0.get("email_verified") {
            Some(Value::Bool(verified)) => !verified,
            Some(Value::String(text)) => !text.eq_ignore_ascii_case("true"),
            Some(Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_)) => true,
            None => false,
        }
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.0.get(claim).and_then(Value::as_str)
    }

    /// One text, or a list of them.
    fn texts(&self, claim: &str) -> Vec<&str> {
        match self.0.get(claim) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            Some(other) => other.as_str().into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// A NumericDate; one with a fraction is rounded down. What is there and is none is an error, not an absence.
    fn time(&self, claim: &str) -> Option<Result<u64, ()>> {
        let value = self.0.get(claim)?;
        let whole = value.as_u64().or_else(|| {
            let text = value.as_f64().map(|seconds| seconds.trunc().to_string());
            text.and_then(|text| text.parse().ok())
        });
        Some(whole.ok_or(()))
    }
}

/// What a token says of its issuer, unverified; none for what is no JWT.
pub(super) fn issuer_of(token: &str) -> Option<String> {
    let mut parts = token.split('.');
    let (_head, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    let octets = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: Claims = serde_json::from_slice(&octets).ok()?;
    claims.text("iss").map(str::to_owned)
}

#[cfg(test)]
mod tests;
