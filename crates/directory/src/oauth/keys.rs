//! Verifying a JWT by the keys of its issuer, which may change at any time.
//!
//! The set of keys is fetched when it is first needed, when it has been used for a while, and when a token names a key that is not in
//! it. One request at a time, with a pause between them; who needs its answer waits for it, since a login must not be refused
//! for a key that we have not seen yet.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gatepost_fetch::{Fetcher, Response, Url};
use gatepost_sasl::TokenFault;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;

use super::claims::Claims;
use crate::limits;

/// How tokens may be signed. Never `none`, and nothing whose key we would share with the issuer (RFC 8725 sections 3.1, 3.2).
const ALGORITHMS: [Algorithm; 4] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];

/// The types that an access token may have (RFC 9068 section 2.1; many issuers write `JWT`).
const TYPES: [&str; 3] = ["JWT", "at+jwt", "application/at+jwt"];

/// The keys of an issuer.
pub(super) struct Keys {
    issuer: String,
    jwks: Option<Url>,
    fetcher: Fetcher,
    /// [`limits::KEYS_PAUSE`], or shorter in tests.
    pub(super) pause: Duration,
    kept: Mutex<Option<Arc<Set>>>,
    /// Held while keys are fetched, with the time of the last request and how it failed.
    turn: tokio::sync::Mutex<Option<(Instant, Option<String>)>>,
}

struct Set {
    keys: Vec<Key>,
    fetched: Instant,
    /// Until when it is used without looking for a newer one.
    good_for: Duration,
}

struct Key {
    name: Option<String>,
    algorithm: Option<Algorithm>,
    family: AlgorithmFamily,
    key: DecodingKey,
}

/// What was verified; the outer error says why it could not be.
type Verified = Result<Result<Claims, TokenFault>, String>;

impl Keys {
    pub(super) fn new(issuer: String, jwks: Option<Url>, fetcher: Fetcher) -> Self {
        let pause = limits::KEYS_PAUSE;
        Self { issuer, jwks, fetcher, pause, kept: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// The claims of a token that one of the keys has signed.
    pub(super) async fn verified(&self, token: &str, now: Instant) -> Verified {
        let Ok(head) = decode_header(token) else { return Ok(Err(TokenFault::Invalid)) };
        if !is_acceptable(&head) {
            return Ok(Err(TokenFault::Invalid));
        }
        // A key with a name is there or it is not. One without can only be tried.
        let fits = |set: &Set| match &head.kid {
            Some(name) => set.names(name),
            None => set.claims(&head, token).is_some(),
        };
        let set = self.set_that(fits, now).await?;
        Ok(set.claims(&head, token).ok_or(TokenFault::Invalid))
    }

    /// A set that fits, or the newest there is.
    async fn set_that(&self, fits: impl Fn(&Set) -> bool, now: Instant) -> Result<Arc<Set>, String> {
        let fitting = |set: &Arc<Set>| set.is_fresh(now) && fits(set);
        if let Some(set) = self.kept().filter(fitting) {
            return Ok(set);
        }
        let mut turn = self.turn.lock().await;
        if let Some(set) = self.kept().filter(fitting) {
            return Ok(set);
        }
        // Keys that came while we waited for our turn are as new as keys can be.
        if let Some(set) = self.kept().filter(|set| set.fetched >= now) {
            return Ok(set);
        }
        let usable = self.kept().filter(|set| set.is_usable(now) && fits(set));
        if let Some((asked, failure)) = turn.as_ref() {
            let pause_ends = *asked + self.pause;
            match (usable.as_ref(), failure) {
                (Some(set), _) if Instant::now() < pause_ends => return Ok(Arc::clone(set)),
                (None, Some(cause)) if Instant::now() < pause_ends => return Err(cause.clone()),
                _ => tokio::time::sleep_until(pause_ends.into()).await,
            }
        }
        let asked = Instant::now();
        let fetched = self.fetch(asked).await;
        *turn = Some((asked, fetched.as_ref().err().cloned()));
        match (fetched, usable) {
            (Ok(set), _) => Ok(self.keep(set)),
            // The key is known; that the issuer is down now says nothing against it.
            (Err(_), Some(set)) => Ok(set),
            (Err(cause), None) => Err(cause),
        }
    }

    fn kept(&self) -> Option<Arc<Set>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, set: Set) -> Arc<Set> {
        let set = Arc::new(set);
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&set));
        set
    }

    async fn fetch(&self, now: Instant) -> Result<Set, String> {
        let url = match &self.jwks {
            Some(url) => url.clone(),
            None => self.configured().await?,
        };
        let response = self.get(&url).await?;
        let read: KeySet =
            serde_json::from_slice(response.body()).map_err(|_| format!("{url} holds no set of keys"))?;
        let keys: Vec<Key> = read.keys.into_iter().take(limits::KEYS_MOST).filter_map(Key::read).collect();
        if keys.is_empty() {
            return Err(format!("{url} holds no key that can be used"));
        }
        let good_for = response.max_age().unwrap_or(limits::KEYS_KEPT);
        let good_for = good_for.clamp(limits::KEYS_KEPT_LEAST, limits::KEYS_KEPT_MOST);
        Ok(Set { keys, fetched: now, good_for })
    }

    /// Where the issuer says that its keys are (OpenID Connect Discovery 1.0 section 4).
    async fn configured(&self) -> Result<Url, String> {
        let issuer = Url::parse(&self.issuer).map_err(|cause| format!("{}: {cause}", self.issuer))?;
        let url = issuer.below(".well-known/openid-configuration").map_err(|cause| cause.to_string())?;
        let response = self.get(&url).await?;
        let read: Configuration = serde_json::from_slice(response.body())
            .map_err(|_| format!("{url} holds no configuration with a jwks_uri"))?;
        if read.issuer != self.issuer {
            return Err(format!("{url} is of another issuer, {:?}", read.issuer));
        }
        Url::parse(&read.jwks_uri).map_err(|cause| format!("jwks_uri of {url}: {cause}"))
    }

    async fn get(&self, url: &Url) -> Result<Response, String> {
        let asked = self.fetcher.get(url, &[("accept", "application/json")]).await;
        let response = asked.map_err(|cause| cause.to_string())?;
        let status = response.status();
        if response.succeeded() { Ok(response) } else { Err(format!("{url} answers with status {status}")) }
    }
}

#[derive(Deserialize)]
struct KeySet {
    /// Each is read by itself: a key of a kind that we do not know must not spoil the others (RFC 7517 section 5).
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
}

impl Set {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.fetched) < self.good_for
    }

    fn is_usable(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.fetched) < limits::KEYS_KEPT_MOST
    }

    fn names(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key.name.as_deref() == Some(name))
    }

    /// The claims, if one of the keys has signed them: the one that the header names, or any where it names none.
    fn claims(&self, head: &Header, token: &str) -> Option<Claims> {
        let mut fitting = self.keys.iter().filter(|key| {
            let named = head.kid.is_none() || key.name == head.kid;
            named && key.family == head.alg.family() && key.algorithm.is_none_or(|own| own == head.alg)
        });
        fitting.find_map(|key| signed(token, key, head.alg))
    }
}

impl Key {
    /// A public key for signatures; none for everything else that a set may hold.
    fn read(value: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let common = &jwk.common;
        if common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
            return None;
        }
        let algorithm = match &common.key_algorithm {
            Some(algorithm) => Some(algorithm.to_string().parse().ok()?),
            None => None,
        };
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        let family = key.family();
        let symmetric = family == AlgorithmFamily::Hmac;
        (!symmetric).then(|| Self { name: common.key_id.clone(), algorithm, family, key })
    }
}

fn is_acceptable(head: &Header) -> bool {
    let kind = head.typ.as_deref().is_none_or(|kind| TYPES.iter().any(|it| it.eq_ignore_ascii_case(kind)));
    // RFC 7515 section 4.1.11: what is critical and not understood makes a token invalid; we understand nothing of that.
    kind && head.crit.is_none() && ALGORITHMS.contains(&head.alg)
}

/// The claims, if this key has signed them. Times and names in them are judged elsewhere.
fn signed(token: &str, key: &Key, algorithm: Algorithm) -> Option<Claims> {
    let mut signature_only = Validation::new(algorithm);
    signature_only.required_spec_claims.clear();
    signature_only.validate_exp = false;
    signature_only.validate_aud = false;
    decode::<Claims>(token, &key.key, &signature_only).ok().map(|data| data.claims)
}
