//! Bearer tokens for next hops that want OAUTHBEARER or XOAUTH2: fetched, kept while they are good, and fetched anew before
//! they end.
//!
//! One [`Tokens`] serves all connections of a route. While the issuer is down the token at hand is used to its end; after that
//! there is none, which is an error that says so, and mail waits. This module does not log in.

mod answer;
mod command;
mod issuer;
mod refresh;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gatepost_fetch::{FetchError, Fetcher, Url};
use gatepost_sasl::Secret;

use self::answer::Fresh;
use self::refresh::RefreshFile;

/// How long before its end a token is fetched anew, if it is good for three times as long at least; else a third of its time.
const REFRESH_BEFORE_END: Duration = Duration::from_secs(5 * 60);
/// How long before its end a token is used no more: the login that it is for takes some time.
const SPARE: Duration = Duration::from_secs(5);
/// How long a token is taken to be good that does not say so itself.
const LIFETIME_UNSAID: Duration = Duration::from_secs(10 * 60);
/// The longest time that is believed: a longer one is cut, so that no token is kept for ever.
const LIFETIME_MOST: Duration = Duration::from_secs(24 * 3600);
/// A token that is refused within this time of its making is refused for another reason than its age.
const YOUNG: Duration = Duration::from_secs(60);
/// The first and the longest wait after an issuer failed; it doubles in between.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));

/// Where tokens come from.
#[derive(Debug, Clone)]
pub enum TokenSource {
    /// RFC 6749 section 4.4: we are the client, and the mailbox is ours.
    ClientCredentials {
        /// Whom to ask.
        endpoint: TokenEndpoint,
        /// What the token is to be good for, as the issuer words it.
        scope: Option<String>,
    },
    /// RFC 6749 section 6: somebody has consented once, and the proof of it is in a file.
    RefreshToken {
        /// Whom to ask.
        endpoint: TokenEndpoint,
        /// What the token is to be good for; without it, what was consented to.
        scope: Option<String>,
        /// Holds the refresh token on its first line. A new one that the issuer gives takes its place.
        file: PathBuf,
    },
    /// A program that prints a token, or JSON with `access_token` and `expires_in`. It is not run by a shell.
    Command {
        /// The program and its arguments.
        arguments: Vec<String>,
    },
}

/// An issuer's token endpoint, and who we are there.
#[derive(Debug, Clone)]
pub struct TokenEndpoint {
    /// Where.
    pub url: Url,
    /// Our name there.
    pub client_id: String,
    /// What proves it; a public client has nothing.
    pub client_secret: Option<Secret>,
}

/// Why there is no token. The delivery is deferred, whichever it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The issuer is down.
    #[error("the token issuer cannot be asked: {0}")]
    Unreachable(#[from] FetchError),
    /// The issuer says no.
    #[error("the token issuer refuses (status {status}): {said}")]
    Refused {
        /// The status of its answer.
        status: u16,
        /// Its error code, and its description in quotes.
        said: String,
    },
    /// The issuer, or the program, gives no token that can be used.
    #[error("no usable token: {0}")]
    Unusable(&'static str),
    /// The file with the refresh token cannot be read.
    #[error("no refresh token in {path}: {cause}", path = path.display())]
    RefreshFile {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The token command failed.
    #[error("the token command {program} {cause}")]
    Command {
        /// The program, without its arguments.
        program: String,
        /// What is wrong with it.
        cause: String,
    },
    /// It failed a moment ago, and is left alone for a while.
    #[error("{earlier} (asked again in {again_in:?})")]
    Waiting {
        /// What the last try said.
        earlier: String,
        /// When the next try is made.
        again_in: Duration,
    },
}

/// The tokens of one route.
pub struct Tokens {
    source: TokenSource,
    fetcher: Fetcher,
    refresh: Option<RefreshFile>,
    /// Held while a token is fetched: one at a time, and who waited takes what came.
    turn: tokio::sync::Mutex<()>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    token: Option<Token>,
    /// How often in a row the source failed.
    failures: u32,
    /// How often in a row a token was refused while it was young.
    refusals: u32,
    /// Nobody is asked before, and why.
    leave_alone: Option<(Instant, String)>,
}

struct Token {
    secret: Secret,
    asked: Instant,
    refresh_from: Instant,
    use_until: Instant,
}

impl Tokens {
    /// Tokens from this source; nothing is fetched yet.
    #[must_use]
    pub fn new(source: TokenSource, fetcher: Fetcher) -> Self {
        let refresh = match &source {
            TokenSource::RefreshToken { file, .. } => Some(RefreshFile::new(file.clone())),
            TokenSource::ClientCredentials { .. } | TokenSource::Command { .. } => None,
        };
        Self { source, fetcher, refresh, turn: tokio::sync::Mutex::default(), kept: Mutex::default() }
    }

    /// A token that is good at `now`, and for some seconds more.
    ///
    /// Takes no longer than a request or a command may. Not to be put under a shorter time-out: a refresh token that the issuer
    /// has just replaced would be lost with the answer.
    ///
    /// # Errors
    ///
    /// [`TokenError`] when there is none; to be tried again later.
    pub async fn token(&self, now: Instant) -> Result<Secret, TokenError> {
        if let Some(secret) = self.kept().fresh(now) {
            return Ok(secret);
        }
        let _turn = self.turn.lock().await;
        if let Some(secret) = self.kept().fresh(now) {
            return Ok(secret);
        }
        if let Some(answer) = self.kept().while_left_alone(now) {
            return answer;
        }
        match self.fetch().await {
            Ok(fresh) => Ok(self.kept().keep(fresh, now)),
            Err(error) => {
                let mut kept = self.kept();
                kept.failures = kept.failures.saturating_add(1);
                kept.leave_alone(now, &error);
                // It is not over yet: refreshing began early for this case.
                kept.usable(now).ok_or(error)
            }
        }
    }

    /// The next hop has refused this token at `now`: it is used no more, and the next login fetches another one. Where that
    /// is refused while it is young, the source is left alone for a while: tokens will not get better by asking at once.
    pub fn refused(&self, token: &Secret, now: Instant) {
        let mut kept = self.kept();
        let Some(refused) = kept.token.take_if(|kept| kept.secret == *token) else { return };
        if now.saturating_duration_since(refused.asked) > YOUNG {
            kept.refusals = 0;
            return;
        }
        kept.refusals = kept.refusals.saturating_add(1);
        // The first one may have been taken back: another is worth a try at once.
        if kept.refusals > 1 {
            kept.leave_alone(now, &TokenError::Unusable("the next hop refuses new tokens"));
        }
    }

    /// What kept a new refresh token from being written to its file, for an event: it is lost when the server ends.
    #[must_use]
    pub fn unsaved(&self) -> Option<String> {
        self.refresh.as_ref().and_then(RefreshFile::unsaved)
    }

    async fn fetch(&self) -> Result<Fresh, TokenError> {
        match (&self.source, &self.refresh) {
            (TokenSource::ClientCredentials { endpoint, scope }, _) => {
                let mut fields = vec![("grant_type", "client_credentials")];
                fields.extend(scope.as_deref().map(|scope| ("scope", scope)));
                issuer::ask(&self.fetcher, endpoint, &fields).await
            }
            (TokenSource::RefreshToken { endpoint, scope, .. }, Some(file)) => {
                issuer::refresh(&self.fetcher, endpoint, scope.as_deref(), file).await
            }
            (TokenSource::RefreshToken { .. }, None) => Err(TokenError::Unusable("it has no file")),
            (TokenSource::Command { arguments }, _) => command::run(arguments).await,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// The token, if it need not be fetched anew yet.
    fn fresh(&self, now: Instant) -> Option<Secret> {
        self.token.as_ref().filter(|token| now < token.refresh_from).map(|token| token.secret.clone())
    }

    /// The token, if it can be used at all.
    fn usable(&self, now: Instant) -> Option<Secret> {
        self.token.as_ref().filter(|token| now < token.use_until).map(|token| token.secret.clone())
    }

    fn while_left_alone(&self, now: Instant) -> Option<Result<Secret, TokenError>> {
        let (until, earlier) = self.leave_alone.as_ref().filter(|(until, _)| now < *until)?;
        let waiting = TokenError::Waiting { earlier: earlier.clone(), again_in: *until - now };
        Some(self.usable(now).ok_or(waiting))
    }

    fn leave_alone(&mut self, now: Instant, error: &TokenError) {
        let doublings = self.failures.max(self.refusals.saturating_sub(1)).saturating_sub(1).min(16);
        let until = now + BACK_OFF.0.saturating_mul(1 << doublings).min(BACK_OFF.1);
        // When the token at hand is over, waiting costs more than asking.
        let over = self.token.as_ref().map(|token| token.use_until).filter(|over| now < *over);
        self.leave_alone = Some((over.map_or(until, |over| until.min(over)), error.to_string()));
    }

    /// Times count from when the token was asked for: the issuer's clock began then or later.
    fn keep(&mut self, fresh: Fresh, now: Instant) -> Secret {
        let lifetime = fresh.lifetime.unwrap_or(LIFETIME_UNSAID).min(LIFETIME_MOST);
        let earlier = self.token.replace(Token {
            secret: fresh.token.clone(),
            asked: now,
            refresh_from: now + lifetime.saturating_sub((lifetime / 3).min(REFRESH_BEFORE_END)),
            use_until: now + lifetime.saturating_sub(SPARE),
        });
        if earlier.is_some() {
            // It came to its time without being refused.
            self.refusals = 0;
        }
        self.failures = 0;
        self.leave_alone = None;
        fresh.token
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tokens").field("source", &self.source).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
