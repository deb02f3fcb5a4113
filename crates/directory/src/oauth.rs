//! Tokens of an OAuth issuer (RFC 6749): JWT by its keys (RFC 9068), or any token by introspection (RFC 7662).
//!
//! A token is for somebody (`claim`), for this service (`audience`), and for sending mail (`scope`); all three are looked at, and the
//! name that the client gives must be the same account. Whether that account exists, and what it may send as, another source
//! knows, or nobody needs to ([`TokenAccounts`]).

mod claims;
mod introspect;
mod keys;

use std::fmt;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use gatepost_fetch::{Fetcher, Url};
use gatepost_mail::{Domain, Mailbox};
use gatepost_sasl::{Secret, TokenCheck, TokenFault};

use self::claims::{Claims, Wanted};
use self::introspect::Introspection;
use self::keys::Keys;
use crate::account::login_key;
use crate::{Account, DirectoryError, Known, Source};

/// An issuer, and what its tokens must say.
#[derive(Debug, Clone)]
pub struct OauthSettings {
    /// The source's name in the configuration, for errors.
    pub name: String,
    /// The issuer's identifier, exactly as its tokens have it in `iss`.
    pub issuer: String,
    /// What `aud` must hold. Without one nothing may be verified but by introspection, where the issuer decides for whom a token is.
    pub audience: Option<String>,
    /// What `scope` or `scp` must hold.
    pub scope: Option<String>,
    /// The claim that is the login name: `email`, as a rule.
    pub claim: String,
    /// How tokens are verified.
    pub verification: Verification,
    /// Whose accounts they are.
    pub accounts: TokenAccounts,
    /// The domains of login names that the issuer may speak for; empty means all.
    pub domains: Vec<Domain>,
}

/// How tokens are verified.
#[derive(Debug, Clone)]
pub enum Verification {
    /// By the issuer's keys: tokens are JWT.
    Keys {
        /// Where the set of keys is; without it, where the issuer's openid-configuration says.
        jwks: Option<Url>,
    },
    /// By asking the issuer about each token.
    Introspection {
        /// Where.
        url: Url,
        /// Our name there.
        client_id: String,
        /// What proves it.
        client_secret: Secret,
    },
}

/// Whose accounts the owners of tokens are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenAccounts {
    /// Those of another source: a token of somebody unknown there is of no use.
    Known,
    /// Any login name in the source's domains is an account, which sends as itself.
    Any,
}

/// Accounts of a token issuer.
pub struct Oauth {
    settings: OauthSettings,
    verifier: Verifier,
}

enum Verifier {
    Keys(Keys),
    Introspection(Introspection),
}

impl Oauth {
    /// The issuer; it is not asked anything yet.
    #[must_use]
    pub fn new(settings: OauthSettings, fetcher: Fetcher) -> Self {
        let verifier = match &settings.verification {
            Verification::Keys { jwks } => {
                Verifier::Keys(Keys::new(settings.issuer.clone(), jwks.clone(), fetcher))
            }
            Verification::Introspection { url, client_id, client_secret } => {
                Verifier::Introspection(Introspection::new(url.clone(), client_id, client_secret, fetcher))
            }
        };
        Self { settings, verifier }
    }

    /// What a good token says; `Elsewhere` where it is none of this issuer's.
    async fn claims(
        &self,
        token: &str,
        now: u64,
    ) -> Result<Known<Result<Claims, TokenFault>>, DirectoryError> {
        let named = claims::issuer_of(token);
        if named.as_ref().is_some_and(|named| *named != self.settings.issuer) {
            // Not shown to this issuer either: it is none of its business.
            return Ok(Known::Elsewhere);
        }
        let found = match &self.verifier {
            // Opaque: no key can say anything about it.
            Verifier::Keys(_) if named.is_none() => return Ok(Known::Elsewhere),
            Verifier::Keys(keys) => Some(keys.verified(token, Instant::now()).await),
            Verifier::Introspection(issuer) => issuer.ask(token, now).await.transpose(),
        };
        match found {
            Some(Ok(claims)) => Ok(Known::Here(claims)),
            Some(Err(cause)) => Err(self.fault(cause)),
            None if named.is_some() => Ok(Known::Here(Err(TokenFault::Invalid))),
            // Unknown, expired or revoked: the issuer does not say which, so another one may know it.
            None => Ok(Known::Elsewhere),
        }
    }

    /// The login name that the claims stand for.
    fn judge(&self, claims: &Claims, user: Option<&str>, now: u64) -> Result<String, TokenFault> {
        let settings = &self.settings;
        let wanted = Wanted {
            issuer: &settings.issuer,
            audience: settings.audience.as_deref(),
            scope: settings.scope.as_deref(),
            claim: &settings.claim,
            end: match self.verifier {
                Verifier::Keys(_) => claims::End::Demanded,
                Verifier::Introspection(_) => claims::End::WhereSaid,
            },
        };
        let name = claims.judge(&wanted, now)?;
        let owner = login_key(&name).ok_or(TokenFault::Invalid)?;
        let stolen = user.is_some_and(|user| login_key(user).as_ref() != Some(&owner));
        if stolen || !self.speaks_for(&owner) {
            return Err(TokenFault::Invalid);
        }
        Ok(owner)
    }

    /// Whether the issuer may say who somebody of this domain is.
    fn speaks_for(&self, name: &str) -> bool {
        let domains = &self.settings.domains;
        let domain = || Mailbox::parse(name).ok().and_then(|mailbox| mailbox.domain().cloned());
        domains.is_empty() || domain().is_some_and(|domain| domains.contains(&domain))
    }

    /// The account that a login name is by itself, where any is one.
    fn any(&self, user: &str) -> Option<Account> {
        if self.settings.accounts == TokenAccounts::Known {
            return None;
        }
        let name = login_key(user).filter(|name| self.speaks_for(name))?;
        Mailbox::parse(&name).ok().map(Account::of)
    }

    fn fault(&self, cause: String) -> DirectoryError {
        DirectoryError::Source { source_name: self.settings.name.clone(), cause }
    }
}

impl Source for Oauth {
    async fn check_token(
        &self,
        user: Option<&str>,
        token: &Secret,
    ) -> Result<Known<TokenCheck>, DirectoryError> {
        let Ok(text) = std::str::from_utf8(token.expose()) else { return Ok(Known::Elsewhere) };
        let now = seconds();
        let claims = match self.claims(text, now).await? {
            Known::Here(claims) => claims,
            Known::Elsewhere => return Ok(Known::Elsewhere),
        };
        let user = claims.and_then(|claims| self.judge(&claims, user, now));
        Ok(Known::Here(user.map_or_else(TokenCheck::Refused, |user| TokenCheck::Right { user })))
    }

    async fn account(&self, user: &str) -> Result<Known<Account>, DirectoryError> {
        Ok(self.any(user).map_or(Known::Elsewhere, Known::Here))
    }

    async fn owns(&self, account: &str, mailbox: &Mailbox) -> Result<Known<bool>, DirectoryError> {
        let found = self.any(account);
        Ok(found.map_or(Known::Elsewhere, |account| Known::Here(account.name == mailbox.folded())))
    }

    async fn mailbox_exists(&self, mailbox: &Mailbox) -> Result<bool, DirectoryError> {
        Ok(self.any(&mailbox.folded()).is_some())
    }
}

impl fmt::Debug for Oauth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Oauth").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Seconds since 1970.
fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests;
