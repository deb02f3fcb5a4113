//! Asking an issuer's token endpoint (RFC 6749).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_fetch::{Fetcher, Header, percent_encoded};
use gatepost_sasl::Secret;
use zeroize::Zeroizing;

use super::answer::{Fresh, refusal};
use super::refresh::RefreshFile;
use super::{TokenEndpoint, TokenError};

/// Asks for a token with these fields.
pub(super) async fn ask(
    fetcher: &Fetcher,
    endpoint: &TokenEndpoint,
    fields: &[(&str, &str)],
) -> Result<Fresh, TokenError> {
    let authorization = endpoint.client_secret.as_ref().map(|secret| basic(&endpoint.client_id, secret));
    let mut headers: Vec<Header<'_>> = vec![("accept", "application/json")];
    let mut all = fields.to_vec();
    match &authorization {
        Some(value) => headers.push(("authorization", value)),
        // Section 3.2.1: who has no secret says its name.
        None => all.push(("client_id", &endpoint.client_id)),
    }
    let response = fetcher.post_form(&endpoint.url, &headers, &all).await?;
    if response.succeeded() {
        return Fresh::from_json(response.body());
    }
    let secret = endpoint.client_secret.as_ref().map(Secret::expose).unwrap_or_default();
    let secret = std::str::from_utf8(secret).unwrap_or_default();
    let shown: Vec<&str> =
        fields.iter().filter(|(name, _)| *name == "refresh_token").map(|(_, it)| *it).collect();
    let secrets: Vec<&str> = shown.into_iter().chain([secret]).filter(|it| !it.is_empty()).collect();
    Err(refusal(response.status(), response.body(), &secrets))
}

/// Asks with the refresh token, and keeps the new one.
pub(super) async fn refresh(
    fetcher: &Fetcher,
    endpoint: &TokenEndpoint,
    scope: Option<&str>,
    file: &RefreshFile,
) -> Result<Fresh, TokenError> {
    let token = file.read().await?;
    let text = std::str::from_utf8(token.expose()).unwrap_or_default();
    let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", text)];
    fields.extend(scope.map(|scope| ("scope", scope)));
    let mut fresh = ask(fetcher, endpoint, &fields).await?;
    if let Some(new) = fresh.refresh_token.take().filter(|new| *new != token) {
        file.replace(new).await;
    }
    Ok(fresh)
}

/// RFC 6749 section 2.3.1: both parts are encoded first, or a colon in the name would end it.
fn basic(client_id: &str, secret: &Secret) -> Zeroizing<String> {
    let secret = percent_encoded(std::str::from_utf8(secret.expose()).unwrap_or_default());
    let pair = Zeroizing::new(format!("{}:{}", *percent_encoded(client_id), *secret));
    Zeroizing::new(format!("Basic {}", *Zeroizing::new(STANDARD.encode(pair.as_bytes()))))
}
