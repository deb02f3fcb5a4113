//! Against the issuer of the test world, which signs by another library than the one that verifies here.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost_fetch::{Fetcher, Patience, Url};
use gatepost_mail::{Domain, Mailbox};
use gatepost_sasl::{Secret, TokenCheck, TokenFault};
use gatepost_testworld::Issuer;
use gatepost_testworld::issuer::{AUDIENCE, Algorithm, CLIENT_ID, CLIENT_SECRET, Key, Mood};
use serde_json::{Value, json};

use super::{Oauth, OauthSettings, TokenAccounts, Verification, Verifier};
use crate::{DirectoryError, Known, Source as _};

const ADA: &str = "ada@gatepost.example";
const PAUSE: Duration = Duration::from_millis(300);

fn settings(issuer: &Issuer, verification: Verification) -> OauthSettings {
    OauthSettings {
        name: "login".into(),
        issuer: issuer.url().into(),
        audience: Some(AUDIENCE.into()),
        scope: Some("smtp.send".into()),
        claim: "email".into(),
        verification,
        accounts: TokenAccounts::Known,
        domains: vec![Domain::parse("gatepost.example").unwrap()],
    }
}

fn opened(settings: OauthSettings) -> Oauth {
    let patience = Patience { connect: Duration::from_secs(5), whole: Duration::from_millis(500) };
    paused(Oauth::new(settings, Fetcher::new(None, patience).unwrap()), PAUSE)
}

/// With this pause between two requests for keys.
fn paused(mut oauth: Oauth, pause: Duration) -> Oauth {
    if let Verifier::Keys(keys) = &mut oauth.verifier {
        keys.pause = pause;
    }
    oauth
}

fn by_keys(issuer: &Issuer) -> Oauth {
    opened(settings(issuer, Verification::Keys { jwks: None }))
}

fn by_introspection(issuer: &Issuer, secret: &str) -> Oauth {
    let url = Url::parse(&format!("{}/introspect", issuer.url())).unwrap();
    let client_secret = Secret::new(secret);
    opened(settings(issuer, Verification::Introspection { url, client_id: CLIENT_ID.into(), client_secret }))
}

async fn check(oauth: &Oauth, user: Option<&str>, token: &str) -> Result<Known<TokenCheck>, DirectoryError> {
    oauth.check_token(user, &Secret::new(token)).await
}

fn right() -> Known<TokenCheck> {
    Known::Here(TokenCheck::Right { user: ADA.into() })
}

fn invalid() -> Known<TokenCheck> {
    Known::Here(TokenCheck::Refused(TokenFault::Invalid))
}

/// A token for Ada with one claim changed.
fn token(issuer: &Issuer, name: &str, value: Value) -> String {
    let mut claims = issuer.claims(ADA);
    claims.as_object_mut().unwrap().insert(name.into(), value);
    issuer.sign(&claims).unwrap()
}

#[tokio::test]
async fn a_token_of_each_algorithm_is_verified_and_keys_may_change() {
    let issuer = Issuer::start().await.unwrap();
    let oauth = by_keys(&issuer);
    let first = issuer.sign(&issuer.claims(ADA)).unwrap();
    assert_eq!(check(&oauth, Some("Ada@Gatepost.Example"), &first).await.unwrap(), right());
    for algorithm in [Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        issuer.rotate_key(algorithm).unwrap();
        let token = issuer.sign(&issuer.claims(ADA)).unwrap();
        for _again in 0..3 {
            assert_eq!(check(&oauth, None, &token).await.unwrap(), right(), "{algorithm:?}");
        }
    }
    assert_eq!(issuer.requests("/jwks"), 5, "one for each set of keys");
    // Its key was withdrawn. Signed well, but by nobody whom we trust now.
    assert_eq!(check(&oauth, None, &first).await.unwrap(), invalid());
}

#[tokio::test]
async fn planted_faults_are_refused() {
    let issuer = Issuer::start().await.unwrap();
    let oauth = by_keys(&issuer);
    let good = issuer.sign(&issuer.claims(ADA)).unwrap();
    let now = issuer.now();
    let rows = [
        ("over", token(&issuer, "exp", json!(now - 60))),
        ("not begun", token(&issuer, "nbf", json!(now + 600))),
        ("for another service", token(&issuer, "aud", json!("imap.gatepost.example"))),
        ("a doubtful address", token(&issuer, "email_verified", json!(false))),
        ("a domain that is not this issuer's", token(&issuer, "email", json!("ada@elsewhere.example"))),
        ("no address", token(&issuer, "email", json!("ada"))),
        ("a flipped bit of the signature", flipped(&good, 2)),
        ("a flipped bit of the claims", flipped(&good, 1)),
        ("cut", good.rsplit_once('.').unwrap().0.to_owned() + "."),
    ];
    for (name, token) in rows {
        assert_eq!(check(&oauth, None, &token).await.unwrap(), invalid(), "{name}");
    }
    let bob = Some("bob@gatepost.example");
    assert_eq!(check(&oauth, bob, &good).await.unwrap(), invalid(), "stolen from Ada");
    let narrow = token(&issuer, "scope", json!("openid"));
    let refused = Known::Here(TokenCheck::Refused(TokenFault::Scope));
    assert_eq!(check(&oauth, None, &narrow).await.unwrap(), refused);
    assert_eq!(check(&oauth, Some(ADA), &good).await.unwrap(), right());
}

/// A part with one bit of its octets changed.
fn flipped(token: &str, part: usize) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let mut octets = URL_SAFE_NO_PAD.decode(&parts[part]).unwrap();
    // In the claims: a letter of the last text, so that they are JSON still.
    let place = octets.len() - 3;
    octets[place] ^= 1;
    parts[part] = URL_SAFE_NO_PAD.encode(octets);
    parts.join(".")
}

#[tokio::test]
async fn forged_heads_are_refused() {
    let issuer = Issuer::start().await.unwrap();
    let oauth = by_keys(&issuer);
    let claims = issuer.claims(ADA);
    let forger = Key::generate(Algorithm::Rs256, "key-0").unwrap();
    let heads = [
        ("another key of the same name", json!({"alg": "RS256", "kid": "key-0"})),
        ("a key of its own", json!({"alg": "RS256", "kid": "key-0", "jwk": forger.public()})),
        ("no signature", json!({"alg": "none"})),
        ("a shared key", json!({"alg": "HS256", "kid": "key-0"})),
        ("an algorithm that the key is not for", json!({"alg": "ES256", "kid": "key-0"})),
        ("an ID of something else", json!({"alg": "RS256", "kid": "key-0", "typ": "logout+jwt"})),
        ("something critical", json!({"alg": "RS256", "kid": "key-0", "crit": ["exp"]})),
    ];
    for (name, head) in heads {
        let token = forger.sign_under(&head, &claims).unwrap();
        assert_eq!(check(&oauth, None, &token).await.unwrap(), invalid(), "{name}");
    }
    assert_eq!(issuer.requests("/jwks"), 1, "a known name asks for nothing");
    for (round, head) in [json!({"alg": "RS256", "kid": "other"}), json!({"alg": "RS256"})].iter().enumerate()
    {
        let unknown = forger.sign_under(head, &claims).unwrap();
        let tries: Vec<_> = (0..10).map(|_| check(&oauth, None, &unknown)).collect();
        for answer in futures(tries).await {
            assert_eq!(answer.unwrap(), invalid(), "a key that nobody has");
        }
        assert_eq!(issuer.requests("/jwks"), 2 + round, "asked once for all of them");
    }
}

/// Runs all of them at once.
async fn futures<T>(all: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut all: Vec<_> = all.into_iter().map(|it| (Box::pin(it), None)).collect();
    std::future::poll_fn(|context| {
        for (future, done) in all.iter_mut().filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(answer) = future.as_mut().poll(context) {
                *done = Some(answer);
            }
        }
        if all.iter().all(|(_, done)| done.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    all.into_iter().filter_map(|(_, done)| done).collect()
}

#[tokio::test]
async fn what_is_none_of_this_issuers_is_left_to_others() {
    let (ours, other) = (Issuer::start().await.unwrap(), Issuer::start().await.unwrap());
    let theirs = other.sign(&other.claims(ADA)).unwrap();
    for oauth in [by_keys(&ours), by_introspection(&ours, CLIENT_SECRET)] {
        assert_eq!(check(&oauth, None, &theirs).await.unwrap(), Known::Elsewhere);
        assert_eq!(check(&oauth, None, "ya29.opaque").await.unwrap(), Known::Elsewhere);
        assert_eq!(check(&oauth, None, "").await.unwrap(), Known::Elsewhere);
    }
    assert_eq!(ours.requests("/jwks"), 0);
    assert_eq!(ours.requests("/introspect"), 2, "a token that names its issuer is shown to no other one");
}

#[tokio::test]
async fn an_issuer_that_is_down_is_an_error_and_then_well_again() {
    let mut issuer = Issuer::start().await.unwrap();
    let oauth = paused(by_keys(&issuer), Duration::ZERO);
    let token = issuer.sign(&issuer.claims(ADA)).unwrap();
    for mood in [Mood::Failing(500), Mood::Failing(404), Mood::Babbling, Mood::Stalling] {
        issuer.set_mood(mood);
        let error = check(&oauth, None, &token).await.unwrap_err();
        assert!(matches!(error, DirectoryError::Source { .. }), "{mood:?}: {error}");
        assert!(error.to_string().starts_with("the account source login cannot be asked: http://127.0.0.1:"));
    }
    issuer.kill().await;
    assert!(check(&oauth, None, &token).await.is_err());
    issuer.set_mood(Mood::Polite);
    issuer.revive().await.unwrap();
    assert_eq!(check(&oauth, None, &token).await.unwrap(), right());
    // With its keys at hand its tokens are good while it is down; a key not seen yet is neither good nor bad.
    issuer.rotate_key(Algorithm::Es256).unwrap();
    let newer = issuer.sign(&issuer.claims(ADA)).unwrap();
    issuer.kill().await;
    assert_eq!(check(&oauth, None, &token).await.unwrap(), right());
    assert!(check(&oauth, None, &newer).await.is_err());
}

#[tokio::test]
async fn an_issuer_that_has_just_failed_is_left_alone() {
    let issuer = Issuer::start().await.unwrap();
    issuer.fail_next(1);
    let oauth = paused(by_keys(&issuer), Duration::from_secs(3600));
    let token = issuer.sign(&issuer.claims(ADA)).unwrap();
    for _again in 0..3 {
        assert!(check(&oauth, None, &token).await.is_err());
    }
    assert_eq!(issuer.requests("/.well-known/openid-configuration"), 1);
}

#[tokio::test]
async fn introspection_is_believed_for_a_while() {
    let mut issuer = Issuer::start().await.unwrap();
    let oauth = by_introspection(&issuer, CLIENT_SECRET);
    let token = issuer.sign(&issuer.claims(ADA)).unwrap();
    for _again in 0..3 {
        assert_eq!(check(&oauth, Some(ADA), &token).await.unwrap(), right());
    }
    assert_eq!(issuer.requests("/introspect"), 1);
    assert_eq!(check(&oauth, Some("bob@gatepost.example"), &token).await.unwrap(), invalid(), "stolen");
    let revoked = issuer.sign(&issuer.claims("bob@gatepost.example")).unwrap();
    issuer.revoke(&revoked);
    assert_eq!(check(&oauth, None, &revoked).await.unwrap(), invalid());
    issuer.kill().await;
    assert_eq!(check(&oauth, None, &token).await.unwrap(), right(), "remembered");
    let error = check(&oauth, None, &revoked).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Source { .. }), "{error}");
}

#[tokio::test]
async fn what_is_remembered_ends_with_the_token() {
    let issuer = Issuer::start().await.unwrap();
    let oauth = by_introspection(&issuer, CLIENT_SECRET);
    let token = issuer.sign(&issuer.claims(ADA)).unwrap();
    let Verifier::Introspection(introspection) = &oauth.verifier else { panic!() };
    let now = issuer.now();
    let later = |seconds| introspection.ask(&token, now + seconds);
    for (seconds, asked) in [(0, 1), (59, 1), (61, 2), (120, 2), (121, 3)] {
        assert!(later(seconds).await.unwrap().is_some());
        assert_eq!(issuer.requests("/introspect"), asked, "after {seconds} s");
    }
}

#[tokio::test]
async fn a_wrong_secret_of_ours_is_no_fault_of_the_token() {
    let issuer = Issuer::start().await.unwrap();
    let oauth = by_introspection(&issuer, "guess");
    let token = issuer.sign(&issuer.claims(ADA)).unwrap();
    let error = check(&oauth, None, &token).await.unwrap_err().to_string();
    assert!(error.ends_with("/introspect answers with status 401"), "{error}");
}

#[tokio::test]
async fn accounts_are_those_of_another_source_or_anybodys() {
    let issuer = Issuer::start().await.unwrap();
    let mailbox = |text: &str| Mailbox::parse(text).unwrap();
    let known = by_keys(&issuer);
    assert_eq!(known.account(ADA).await.unwrap(), Known::Elsewhere);
    assert_eq!(known.owns(ADA, &mailbox(ADA)).await.unwrap(), Known::Elsewhere);
    assert!(!known.mailbox_exists(&mailbox(ADA)).await.unwrap());
    let verification = Verification::Keys { jwks: None };
    let any = opened(OauthSettings { accounts: TokenAccounts::Any, ..settings(&issuer, verification) });
    assert_eq!(any.account("Ada@Gatepost.Example").await.unwrap().here().unwrap().name(), ADA);
    assert_eq!(any.account("ada@elsewhere.example").await.unwrap(), Known::Elsewhere);
    assert_eq!(any.owns(ADA, &mailbox(ADA)).await.unwrap(), Known::Here(true));
    assert_eq!(any.owns(ADA, &mailbox("bob@gatepost.example")).await.unwrap(), Known::Here(false));
    assert!(any.mailbox_exists(&mailbox(ADA)).await.unwrap());
}
