//! An issuer that others wrote, at both ends of a token: our deliveries get it there, and our directory judges it.

// Tells the lints that helpers beside the tests may panic like the tests themselves.
#![cfg(test)]

use std::time::Instant;

use gatepost_directory::{Known, Oauth, OauthSettings, Source as _, TokenAccounts, Verification};
use gatepost_fetch::{Fetcher, Patience, Url};
use gatepost_mta::deliver::token::{TokenEndpoint, TokenError, TokenSource, Tokens};
use gatepost_sasl::{Secret, TokenCheck, TokenFault};
use gatepost_testworld::issuer::{CLIENT_ID, CLIENT_SECRET};
use gatepost_testworld::peers::OidcProvider;

const ADA: &str = "ada@gatepost.example";

fn fetcher() -> Fetcher {
    Fetcher::new(None, Patience::default()).unwrap()
}

fn url(provider: &OidcProvider, path: &str) -> Url {
    Url::parse(&format!("{}/{path}", provider.url())).unwrap()
}

/// A fresh token, as a route with this scope gets it.
async fn token(provider: &OidcProvider, scope: &str, secret: &str) -> Result<Secret, TokenError> {
    let endpoint = TokenEndpoint {
        url: url(provider, "token"),
        client_id: CLIENT_ID.into(),
        client_secret: Some(Secret::new(secret)),
    };
    let source = TokenSource::ClientCredentials { endpoint, scope: Some(scope.into()) };
    Tokens::new(source, fetcher()).token(Instant::now()).await
}

fn source(provider: &OidcProvider, audience: &str, verification: Verification) -> Oauth {
    let settings = OauthSettings {
        name: "login".into(),
        issuer: provider.url().into(),
        audience: Some(audience.into()),
        scope: Some("smtp.send".into()),
        claim: "email".into(),
        verification,
        accounts: TokenAccounts::Known,
        domains: Vec::new(),
    };
    Oauth::new(settings, fetcher())
}

fn introspection(provider: &OidcProvider) -> Verification {
    let url = url(provider, "token/introspection");
    Verification::Introspection {
        url,
        client_id: CLIENT_ID.into(),
        client_secret: Secret::new(CLIENT_SECRET),
    }
}

fn right() -> Known<TokenCheck> {
    Known::Here(TokenCheck::Right { user: ADA.into() })
}

fn refused(fault: TokenFault) -> Known<TokenCheck> {
    Known::Here(TokenCheck::Refused(fault))
}

/// A good token, one for another purpose, one that is stolen, and one for another service.
async fn judged(provider: &OidcProvider, audience: &str, how: Verification) {
    let good = token(provider, "smtp.send", CLIENT_SECRET).await.unwrap();
    let narrow = token(provider, "imap", CLIENT_SECRET).await.unwrap();
    let ours = source(provider, audience, how.clone());
    assert_eq!(ours.check_token(Some(ADA), &good).await.unwrap(), right(), "{audience}");
    assert_eq!(ours.check_token(Some(ADA), &narrow).await.unwrap(), refused(TokenFault::Scope));
    let stolen = ours.check_token(Some("bob@gatepost.example"), &good).await.unwrap();
    assert_eq!(stolen, refused(TokenFault::Invalid));
    let other = source(provider, "jwt:RS256:imap", how);
    assert_eq!(other.check_token(None, &good).await.unwrap(), refused(TokenFault::Invalid));
}

#[tokio::test]
async fn tokens_of_each_algorithm_by_keys_and_opaque_ones_by_asking() {
    for audience in ["jwt:RS256:smtp", "jwt:PS256:smtp", "jwt:ES256:smtp"] {
        let provider = OidcProvider::start(audience).await.unwrap();
        judged(&provider, audience, Verification::Keys { jwks: None }).await;
    }
    let provider = OidcProvider::start("opaque:-:smtp").await.unwrap();
    judged(&provider, "opaque:-:smtp", introspection(&provider)).await;
    let wrong = token(&provider, "smtp.send", "guess").await.unwrap_err();
    assert!(wrong.to_string().contains("invalid_client"), "{wrong}");
}

#[tokio::test]
async fn a_restart_with_new_keys() {
    let audience = "jwt:ES256:smtp";
    let mut provider = OidcProvider::start(audience).await.unwrap();
    let ours = source(&provider, audience, Verification::Keys { jwks: None });
    let old = token(&provider, "smtp.send", CLIENT_SECRET).await.unwrap();
    assert_eq!(ours.check_token(None, &old).await.unwrap(), right());
    provider.restart().await.unwrap();
    let new = token(&provider, "smtp.send", CLIENT_SECRET).await.unwrap();
    assert_eq!(ours.check_token(None, &new).await.unwrap(), right());
    assert_eq!(ours.check_token(None, &old).await.unwrap(), refused(TokenFault::Invalid));
}

#[tokio::test]
async fn an_opaque_token_that_is_taken_back() {
    let audience = "opaque:-:smtp";
    let provider = OidcProvider::start(audience).await.unwrap();
    let [good, revoked] = [
        token(&provider, "smtp.send", CLIENT_SECRET).await.unwrap(),
        token(&provider, "smtp.send", CLIENT_SECRET).await.unwrap(),
    ];
    // The secret of the test's client must be encoded before it is a Basic authorization; this is it.
    let basic = "Basic Z2F0ZXBvc3Q6czNjcmV0JTNBK3dpdGglMkZzaWducyUyQg==";
    let fields = [("token", std::str::from_utf8(revoked.expose()).unwrap())];
    let revocation = url(&provider, "token/revocation");
    let response = fetcher().post_form(&revocation, &[("authorization", basic)], &fields).await.unwrap();
    assert_eq!(response.status(), 200);
    let ours = source(&provider, audience, introspection(&provider));
    assert_eq!(ours.check_token(Some(ADA), &good).await.unwrap(), right());
    assert_eq!(ours.check_token(Some(ADA), &revoked).await.unwrap(), Known::Elsewhere);
    let by_keys = source(&provider, audience, Verification::Keys { jwks: None });
    assert_eq!(by_keys.check_token(Some(ADA), &good).await.unwrap(), Known::Elsewhere);
}
