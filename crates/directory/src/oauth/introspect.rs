//! Asking the issuer about a token (RFC 7662).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_fetch::{Fetcher, Url, percent_encoded};
use gatepost_sasl::{Secret, TokenFault};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::claims::Claims;
use crate::limits;

/// An issuer's introspection endpoint.
pub(super) struct Introspection {
    url: Url,
    authorization: Zeroizing<String>,
    fetcher: Fetcher,
    at_once: Semaphore,
    remembered: Mutex<HashMap<Hash, Good>>,
}

/// Of a token: the token itself is not kept.
type Hash = [u8; 32];

struct Good {
    claims: Claims,
    /// Seconds since 1970.
    until: u64,
}

impl Introspection {
    pub(super) fn new(url: Url, client_id: &str, client_secret: &Secret, fetcher: Fetcher) -> Self {
        let secret = percent_encoded(std::str::from_utf8(client_secret.expose()).unwrap_or_default());
        let pair = Zeroizing::new(format!("{}:{}", *percent_encoded(client_id), *secret));
        let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
        Self {
            url,
            authorization: Zeroizing::new(format!("Basic {}", *encoded)),
            fetcher,
            at_once: Semaphore::new(limits::INTROSPECTIONS_AT_ONCE),
            remembered: Mutex::default(),
        }
    }

    /// What the issuer says of the token; none if it calls it no good. The error says why it could not be asked.
    pub(super) async fn ask(
        &self,
        token: &str,
        now: u64,
    ) -> Result<Option<Result<Claims, TokenFault>>, String> {
        let hash = hashed(token);
        if let Some(claims) = self.recalled(&hash, now) {
            return Ok(Some(Ok(claims)));
        }
        let permit = timeout(limits::INTROSPECTION_QUEUE, self.at_once.acquire()).await;
        let _permit = permit.map_err(|_| "too many tokens wait to be looked at".to_owned())?;
        let fields = [("token", token), ("token_type_hint", "access_token")];
        let headers = [("authorization", self.authorization.as_str()), ("accept", "application/json")];
        let asked = self.fetcher.post_form(&self.url, &headers, &fields).await;
        let response = asked.map_err(|cause| cause.to_string())?;
        if !response.succeeded() {
            return Err(format!("{} answers with status {}", self.url, response.status()));
        }
        let claims: Option<Claims> = serde_json::from_slice(response.body()).ok();
        let claims = claims.ok_or_else(|| format!("{} does not answer with JSON", self.url))?;
        match claims.is_active() {
            Some(true) => {
                self.remember(hash, &claims, now);
                Ok(Some(Ok(claims)))
            }
            Some(false) => Ok(None),
            None => Err(format!("{} does not say whether the token is active", self.url)),
        }
    }

    fn recalled(&self, hash: &Hash, now: u64) -> Option<Claims> {
        self.remembered().get(hash).filter(|good| now < good.until).map(|good| good.claims.clone())
    }

    fn remember(&self, hash: Hash, claims: &Claims, now: u64) {
        let kept = now.saturating_add(limits::INTROSPECTION_KEPT.as_secs());
        let until = claims.end().map_or(kept, |end| end.min(kept));
        let mut remembered = self.remembered();
        if remembered.len() >= limits::INTROSPECTION_REMEMBERED_MOST {
            remembered.retain(|_, good| now < good.until);
        }
        // Where all of them are still good, this one is asked about again.
        if remembered.len() < limits::INTROSPECTION_REMEMBERED_MOST {
            remembered.insert(hash, Good { claims: claims.clone(), until });
        }
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<Hash, Good>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hashed(token: &str) -> Hash {
    let mut hash = Hash::default();
    hash.iter_mut().zip(digest(&SHA256, token.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
    hash
}
