//! An OAuth issuer: tokens by client credentials and refresh tokens, introspection, a key set that changes.
//!
//! Written by hand over a plain socket, with signatures made by another library than the one under test. Its clock is the
//! machine's, moved on as a test likes, so that a hundred hours of tokens pass in a second.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

mod answer;
mod http;
mod keys;

pub use keys::{Algorithm, Key};

/// How long an access token is good unless the test says otherwise.
const LIFETIME: Duration = Duration::from_secs(3600);

/// The client that the issuer knows.
pub const CLIENT_ID: &str = "gatepost";

/// Its secret; holds what must be encoded before it is a Basic authorization (RFC 6749 section 2.3.1).
pub const CLIENT_SECRET: &str = "s3cret: with/signs+";

/// For whom its access tokens are, unless the test says otherwise.
pub const AUDIENCE: &str = "smtp.gatepost.example";

/// A running issuer. Dropping it closes its port.
pub struct Issuer {
    address: SocketAddr,
    desk: Arc<Desk>,
    task: Option<JoinHandle<()>>,
}

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As the standards say.
    Polite,
    /// With this status, whatever is asked.
    Failing(u16),
    /// With something that is no JSON.
    Babbling,
    /// Never.
    Stalling,
}

pub(crate) struct Desk {
    url: String,
    state: Mutex<State>,
}

pub(crate) struct State {
    mood: Mood,
    /// Requests that are still to fail before the mood counts.
    failures_left: usize,
    keys: Vec<Key>,
    lifetime: Duration,
    moved_on: Duration,
    scope: String,
    /// Access tokens that were given out, with their claims.
    issued: HashMap<String, Value>,
    revoked: HashSet<String>,
    refresh_token: String,
    rotates: bool,
    serial: u64,
    requests: Vec<String>,
}

impl Issuer {
    /// An issuer with one RS256 key, whose one refresh token is `refresh-0`.
    ///
    /// # Errors
    ///
    /// When the machine has no port or makes no key.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = State {
            mood: Mood::Polite,
            failures_left: 0,
            keys: vec![Key::generate(Algorithm::Rs256, "key-0")?],
            lifetime: LIFETIME,
            moved_on: Duration::ZERO,
            scope: "smtp.send".to_owned(),
            issued: HashMap::new(),
            revoked: HashSet::new(),
            refresh_token: "refresh-0".to_owned(),
            rotates: true,
            serial: 0,
            requests: Vec::new(),
        };
        let desk = Arc::new(Desk { url: format!("http://{address}"), state: Mutex::new(state) });
        let task = Some(tokio::spawn(serve(listener, Arc::clone(&desk))));
        Ok(Self { address, desk, task })
    }

    /// Its identifier and the root of its addresses: `/token`, `/introspect`, `/jwks` and
    /// `/.well-known/openid-configuration`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.desk.url
    }

    /// Nobody listens from now on; what was asked is not answered.
    pub async fn kill(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = task.await;
        }
    }

    /// Listens again at the same port, and knows what it knew.
    ///
    /// # Errors
    ///
    /// When the port was taken meanwhile.
    pub async fn revive(&mut self) -> io::Result<()> {
        self.kill().await;
        let listener = TcpListener::bind(self.address).await?;
        self.task = Some(tokio::spawn(serve(listener, Arc::clone(&self.desk))));
        Ok(())
    }

    /// How it answers from now on.
    pub fn set_mood(&self, mood: Mood) {
        self.desk.state().mood = mood;
    }

    /// The next requests are answered with 503.
    pub fn fail_next(&self, requests: usize) {
        self.desk.state().failures_left = requests;
    }

    /// How long access tokens are good from now on.
    pub fn set_lifetime(&self, lifetime: Duration) {
        self.desk.state().lifetime = lifetime;
    }

    /// The scope of tokens from now on.
    pub fn set_scope(&self, scope: &str) {
        scope.clone_into(&mut self.desk.state().scope);
    }

    /// Moves its clock on.
    pub fn advance(&self, time: Duration) {
        self.desk.state().moved_on += time;
    }

    /// Seconds since 1970 by its clock.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.desk.state().now()
    }

    /// Signs with a new key from now on; the old one leaves the key set.
    ///
    /// # Errors
    ///
    /// When the machine makes no key.
    pub fn rotate_key(&self, algorithm: Algorithm) -> io::Result<()> {
        let mut state = self.desk.state();
        state.serial += 1;
        let name = format!("key-{}", state.serial);
        state.keys = vec![Key::generate(algorithm, &name)?];
        Ok(())
    }

    /// The claims of a token for this user, as it makes them now.
    #[must_use]
    pub fn claims(&self, email: &str) -> Value {
        let state = self.desk.state();
        state.claims(&self.desk.url, email)
    }

    /// A signed token with exactly these claims.
    ///
    /// # Errors
    ///
    /// When signing fails.
    pub fn sign(&self, claims: &Value) -> io::Result<String> {
        let mut state = self.desk.state();
        let key = state.keys.first().ok_or_else(|| io::Error::other("no key"))?;
        let token = key.sign(claims)?;
        state.issued.insert(token.clone(), claims.clone());
        Ok(token)
    }

    /// Takes a token back: introspection says so from now on.
    pub fn revoke(&self, token: &str) {
        self.desk.state().revoked.insert(token.to_owned());
    }

    /// Takes back all tokens that were given out so far.
    pub fn revoke_all(&self) {
        let mut state = self.desk.state();
        let issued: Vec<String> = state.issued.keys().cloned().collect();
        state.revoked.extend(issued);
    }

    /// Whether this access token was given out, is not revoked, and is not over by the issuer's clock.
    #[must_use]
    pub fn accepts(&self, token: &str) -> bool {
        self.desk.state().active(token).is_some()
    }

    /// The refresh token that is good now.
    #[must_use]
    pub fn refresh_token(&self) -> String {
        self.desk.state().refresh_token.clone()
    }

    /// How often this path was asked for, failures included.
    #[must_use]
    pub fn requests(&self, path: &str) -> usize {
        self.desk.state().requests.iter().filter(|asked| *asked == path).count()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

impl Desk {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes note of a request and says how to answer it.
    pub(crate) fn asked(&mut self, path: &str) -> Mood {
        self.requests.push(path.to_owned());
        if self.failures_left > 0 {
            self.failures_left -= 1;
            return Mood::Failing(503);
        }
        self.mood
    }

    fn now(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (since + self.moved_on).as_secs()
    }

    fn claims(&self, issuer: &str, email: &str) -> Value {
        let now = self.now();
        json!({
            "iss": issuer, "aud": AUDIENCE, "sub": format!("id of {email}"), "email": email, "email_verified": true,
            "scope": self.scope, "iat": now, "exp": now + self.lifetime.as_secs(), "jti": format!("{}", self.serial),
        })
    }

    /// The claims of a token that is good now.
    pub(crate) fn active(&self, token: &str) -> Option<&Value> {
        let claims = self.issued.get(token)?;
        let end = claims.get("exp").and_then(Value::as_u64)?;
        (end > self.now() && !self.revoked.contains(token)).then_some(claims)
    }
}

/// Answers until it is aborted, connections included.
async fn serve(listener: TcpListener, desk: Arc<Desk>) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                sessions.spawn(http::session(stream, Arc::clone(&desk)));
            }
            Some(_ended) = sessions.join_next() => {}
        }
    }
}
