//! What the issuer says to a request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::http::{Answer, Request, decoded};
use super::{CLIENT_ID, CLIENT_SECRET, Desk};

pub(super) fn to(request: &Request, desk: &Desk) -> Answer {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/.well-known/openid-configuration") => found(&configuration(desk.url())),
        ("GET", "/jwks") => found(&key_set(desk)),
        ("POST", "/token" | "/introspect") if !is_client(request) => refused(401, "invalid_client"),
        ("POST", "/token") => token(request, desk),
        ("POST", "/introspect") => found(&introspection(request, desk)),
        ("GET", path) => match path.strip_prefix(TOKEN_INFO) {
            Some(token) => token_info(token, desk),
            None => refused(404, "not_found"),
        },
        _ => refused(404, "not_found"),
    }
}

/// What tells anybody about a token whose octets follow: what there was before RFC 7662, and what Dovecot asks.
const TOKEN_INFO: &str = "/tokeninfo/";

fn token_info(token: &str, desk: &Desk) -> Answer {
    match desk.state().active(token) {
        Some(claims) => found(claims),
        None => refused(401, "invalid_token"),
    }
}

fn found(value: &Value) -> Answer {
    Answer { status: 200, body: value.to_string() }
}

fn refused(status: u16, error: &str) -> Answer {
    Answer { status, body: json!({ "error": error, "error_description": "so says the issuer" }).to_string() }
}

fn configuration(url: &str) -> Value {
    json!({
        "issuer": url,
        "jwks_uri": format!("{url}/jwks"),
        "token_endpoint": format!("{url}/token"),
        "introspection_endpoint": format!("{url}/introspect"),
    })
}

fn key_set(desk: &Desk) -> Value {
    json!({ "keys": desk.state().keys.iter().map(super::Key::public).collect::<Vec<_>>() })
}

/// By Basic, as RFC 6749 section 2.3.1 asks of every issuer.
fn is_client(request: &Request) -> bool {
    let encoded = request.authorization.strip_prefix("Basic ").unwrap_or_default();
    let text =
        STANDARD.decode(encoded).ok().and_then(|octets| String::from_utf8(octets).ok()).unwrap_or_default();
    let parts = text.split_once(':').map(|(name, secret)| (decoded(name), decoded(secret)));
    parts.is_some_and(|(name, secret)| name == CLIENT_ID && secret == CLIENT_SECRET)
}

fn token(request: &Request, desk: &Desk) -> Answer {
    let rotated = match request.field("grant_type") {
        "client_credentials" => None,
        "refresh_token" => {
            let mut state = desk.state();
            if request.field("refresh_token") != state.refresh_token {
                return refused(400, "invalid_grant");
            }
            if state.rotates {
                state.serial += 1;
                state.refresh_token = format!("refresh-{}", state.serial);
            }
            Some(state.refresh_token.clone())
        }
        _ => return refused(400, "unsupported_grant_type"),
    };
    let mut state = desk.state();
    state.serial += 1;
    let claims = state.claims(desk.url(), "org@provider.example");
    let signed = state.keys.first().and_then(|key| key.sign(&claims).ok());
    let Some(access_token) = signed else { return refused(500, "server_error") };
    state.issued.insert(access_token.clone(), claims);
    let mut body = json!({ "access_token": access_token, "token_type": "Bearer", "expires_in": state.lifetime.as_secs() });
    if let (Some(rotated), Some(body)) = (rotated, body.as_object_mut()) {
        body.insert("refresh_token".to_owned(), rotated.into());
    }
    found(&body)
}

/// RFC 7662 section 2.2.
fn introspection(request: &Request, desk: &Desk) -> Value {
    let state = desk.state();
    let Some(claims) = state.active(request.field("token")) else { return json!({ "active": false }) };
    let mut claims = claims.clone();
    if let Some(claims) = claims.as_object_mut() {
        claims.insert("active".to_owned(), true.into());
    }
    claims
}
