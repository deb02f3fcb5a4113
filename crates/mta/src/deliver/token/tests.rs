//! Against the issuer of the test world, with its clock and ours moved on together.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use gatepost_fetch::{Fetcher, Patience, Url};
use gatepost_sasl::Secret;
use gatepost_testworld::Issuer;
use gatepost_testworld::issuer::{CLIENT_ID, CLIENT_SECRET, Mood};

use super::{TokenEndpoint, TokenError, TokenSource, Tokens};

const SECOND: Duration = Duration::from_secs(1);

fn endpoint(issuer: &Issuer) -> TokenEndpoint {
    TokenEndpoint {
        url: Url::parse(&format!("{}/token", issuer.url())).unwrap(),
        client_id: CLIENT_ID.into(),
        client_secret: Some(Secret::new(CLIENT_SECRET)),
    }
}

fn tokens(source: TokenSource) -> Tokens {
    let patience = Patience { connect: 5 * SECOND, whole: Duration::from_millis(500) };
    Tokens::new(source, Fetcher::new(None, patience).unwrap())
}

fn by_credentials(issuer: &Issuer) -> Tokens {
    tokens(TokenSource::ClientCredentials { endpoint: endpoint(issuer), scope: Some("smtp.send".into()) })
}

fn accepted(issuer: &Issuer, token: &Secret) -> bool {
    issuer.accepts(std::str::from_utf8(token.expose()).unwrap())
}

#[tokio::test]
async fn a_hundred_expiries_with_an_issuer_that_fails_now_and_then() {
    let mut issuer = Issuer::start().await.unwrap();
    issuer.set_lifetime(60 * SECOND);
    let tokens = by_credentials(&issuer);
    let start = Instant::now();
    let (mut sent, mut deferred) = (0, 0);
    for second in 0..6000_u32 {
        // Once it is down for as long as we refresh early, once for three minutes: longer than any token is good.
        match second {
            1000 | 3000 => issuer.kill().await,
            1014 | 3180 => issuer.revive().await.unwrap(),
            _ if second % 500 == 40 => issuer.fail_next(2),
            _ => {}
        }
        match tokens.token(start + second * SECOND).await {
            Ok(token) => {
                assert!(accepted(&issuer, &token), "a token was used after its end, at {second} s");
                sent += 1;
            }
            Err(error) => {
                assert!((3000..3400).contains(&second), "no token at {second} s: {error}");
                deferred += 1;
            }
        }
        issuer.advance(SECOND);
    }
    assert!(deferred > 100 && sent + deferred == 6000, "{sent} sent, {deferred} deferred");
    let requests = issuer.requests("/token");
    assert!((100..250).contains(&requests), "{requests} requests for 100 expiries");
}

#[tokio::test]
async fn one_request_serves_all_who_wait() {
    let issuer = Issuer::start().await.unwrap();
    let tokens = by_credentials(&issuer);
    let now = Instant::now();
    let (a, b, c) = tokio::join!(tokens.token(now), tokens.token(now), tokens.token(now));
    assert!(a.unwrap() == b.unwrap() && c.is_ok());
    assert_eq!(issuer.requests("/token"), 1);
}

#[tokio::test]
async fn a_refused_token_is_not_used_again_and_a_young_one_slows_us_down() {
    let issuer = Issuer::start().await.unwrap();
    let tokens = by_credentials(&issuer);
    let start = Instant::now();
    let first = tokens.token(start).await.unwrap();
    let later = start + 600 * SECOND;
    tokens.refused(&first, later);
    let second = tokens.token(later).await.unwrap();
    assert!(first != second);
    // Somebody else still had the first one in hand.
    tokens.refused(&first, later);
    assert!(tokens.token(later).await.unwrap() == second);
    tokens.refused(&second, later);
    let replaced = tokens.token(later).await.unwrap();
    assert!(second != replaced, "the first may have been taken back");
    tokens.refused(&replaced, later);
    let error = tokens.token(later + SECOND).await.unwrap_err();
    assert!(matches!(error, TokenError::Waiting { .. }), "{error}");
    let third = tokens.token(later + 2 * SECOND).await.unwrap();
    tokens.refused(&third, later + 2 * SECOND);
    assert!(tokens.token(later + 5 * SECOND).await.is_err(), "the wait doubles");
    assert!(tokens.token(later + 6 * SECOND).await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_is_down_is_named_and_left_alone() {
    let mut issuer = Issuer::start().await.unwrap();
    let tokens = by_credentials(&issuer);
    let start = Instant::now();
    for mood in [Mood::Failing(500), Mood::Babbling, Mood::Stalling] {
        issuer.set_mood(mood);
        let asked = issuer.requests("/token");
        let now = start + 600 * SECOND * u32::try_from(asked + 1).unwrap();
        let error = tokens.token(now).await.unwrap_err().to_string();
        assert!(error.contains("issuer") || error.contains("usable"), "{error}");
        assert!(!error.contains(CLIENT_SECRET), "{error}");
        let waiting = tokens.token(now + SECOND).await.unwrap_err();
        assert!(waiting.to_string().starts_with(&error), "{waiting}");
        assert_eq!(issuer.requests("/token"), asked + 1, "{mood:?}");
    }
    issuer.kill().await;
    let error = tokens.token(start + 9000 * SECOND).await.unwrap_err();
    assert!(matches!(error, TokenError::Unreachable(_)), "{error}");
    issuer.set_mood(Mood::Polite);
    issuer.revive().await.unwrap();
    assert!(tokens.token(start + 9100 * SECOND).await.is_ok());
}

#[tokio::test]
async fn a_wrong_client_is_told_so() {
    let issuer = Issuer::start().await.unwrap();
    let endpoint = TokenEndpoint { client_secret: Some(Secret::new("guess")), ..endpoint(&issuer) };
    let tokens = tokens(TokenSource::ClientCredentials { endpoint, scope: None });
    let error = tokens.token(Instant::now()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the token issuer refuses (status 401): invalid_client, \"so says the issuer\""
    );
}

#[tokio::test]
async fn a_new_refresh_token_takes_the_place_of_the_old_one() {
    let issuer = Issuer::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("refresh");
    std::fs::write(&file, "refresh-0\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let source = TokenSource::RefreshToken { endpoint: endpoint(&issuer), scope: None, file: file.clone() };
    let now = Instant::now();
    for _restart in 0..3 {
        let tokens = tokens(source.clone());
        assert!(accepted(&issuer, &tokens.token(now).await.unwrap()));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{}\n", issuer.refresh_token()));
        assert_eq!(tokens.unsaved(), None);
    }
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[tokio::test]
async fn a_refresh_token_that_cannot_be_written_is_kept_and_told() {
    let issuer = Issuer::start().await.unwrap();
    issuer.set_lifetime(60 * SECOND);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("refresh");
    std::fs::write(&file, "refresh-0\n").unwrap();
    // A folder stands where the new file would be written; permissions would not stop root.
    let obstacle = folder.path().join(".refresh.new");
    std::fs::create_dir(&obstacle).unwrap();
    let tokens =
        tokens(TokenSource::RefreshToken { endpoint: endpoint(&issuer), scope: None, file: file.clone() });
    let now = Instant::now();
    assert!(tokens.token(now).await.is_ok());
    assert!(tokens.unsaved().unwrap().contains("could not be written"));
    assert!(tokens.token(now + 60 * SECOND).await.is_ok(), "the new one is used all the same");
    std::fs::remove_dir(&obstacle).unwrap();
    assert!(tokens.token(now + 120 * SECOND).await.is_ok());
    assert_eq!(tokens.unsaved(), None);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{}\n", issuer.refresh_token()));
    // The operator consents anew: what is in the file counts.
    std::fs::write(&file, "other\n").unwrap();
    let error = tokens.token(now + 180 * SECOND).await.unwrap_err();
    assert!(error.to_string().contains("invalid_grant"), "{error}");
}

fn command(arguments: &[&str]) -> Tokens {
    tokens(TokenSource::Command { arguments: arguments.iter().map(|it| (*it).to_owned()).collect() })
}

#[tokio::test]
async fn a_command_prints_a_token_or_json() {
    let now = Instant::now();
    let plain = command(&["/bin/echo", "abc.def"]);
    assert!(plain.token(now).await.unwrap().matches(b"abc.def"));
    let json = command(&["/bin/echo", r#"{"access_token": "$(id)", "expires_in": "60"}"#]);
    assert!(json.token(now).await.unwrap().matches(b"$(id)"), "no shell looks at it");
    let rows: [(&[&str], &str); 5] = [
        (&["/bin/false"], "the token command /bin/false ended with exit status: 1"),
        (&["/nonexistent"], "the token command /nonexistent failed: "),
        (&["/bin/echo", "two words"], "no usable token: it holds what no token can hold"),
        (&["/bin/true"], "no usable token: it is empty"),
        (&["/usr/bin/head", "-c", "100000", "/dev/zero"], "it printed too much"),
    ];
    for (arguments, want) in rows {
        let error = command(arguments).token(now).await.unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_does_not_end_is_killed() {
    let error = command(&["/bin/sleep", "1000"]).token(Instant::now()).await.unwrap_err();
    assert_eq!(error.to_string(), "the token command /bin/sleep took longer than 30s");
}
