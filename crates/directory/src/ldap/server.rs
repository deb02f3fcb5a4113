//! Connections to LDAP servers, and the questions on them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatepost_sasl::{PasswordCheck, Secret};
use ldap3::{LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Scope, SearchEntry, SearchOptions};
use rustls::ClientConfig;
use tokio::time::timeout;

use super::{LdapSettings, LdapTls};
use crate::connections::{Connect, Driver, Failed};
use crate::limits::SOURCE_CONNECT_WAIT;
use crate::trust;

/// Result codes of RFC 4511 appendix A.1 that answer a question.
mod code {
    pub(super) const SUCCESS: u32 = 0;
    pub(super) const SIZE_LIMIT_EXCEEDED: u32 = 4;
    pub(super) const COMPARE_FALSE: u32 = 5;
    pub(super) const COMPARE_TRUE: u32 = 6;
    pub(super) const NO_SUCH_ATTRIBUTE: u32 = 16;
    pub(super) const CONSTRAINT_VIOLATION: u32 = 19;
    pub(super) const NO_SUCH_OBJECT: u32 = 32;
    pub(super) const INAPPROPRIATE_AUTHENTICATION: u32 = 48;
    pub(super) const INVALID_CREDENTIALS: u32 = 49;
}

/// Entries that are wanted of one answer: the second says that there are too many.
const ENTRIES_MOST: i32 = 2;

/// What connections are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Bound as the service.
    Search,
    /// Bound as whoever was proved last; nothing else is asked on them.
    Bind,
}

/// The servers of one source.
pub(super) struct Servers {
    urls: Vec<String>,
    preferred: AtomicUsize,
    tls: LdapTls,
    client: Arc<ClientConfig>,
    bind: Option<(String, Secret)>,
    base: String,
}

/// What is asked.
pub(super) enum Question {
    /// For entries.
    Find {
        filter: String,
        attributes: Vec<String>,
    },
    /// Whether this is the entry's password.
    Bind {
        dn: String,
        password: Secret,
    },
    Compare {
        dn: String,
        password: Secret,
    },
}

/// What is answered.
pub(super) enum Found {
    Entries(Vec<SearchEntry>),
    Verdict(PasswordCheck),
}

/// A connection.
pub(super) struct Link {
    ldap: ldap3::Ldap,
    _driver: Driver,
}

impl Servers {
    pub(super) fn new(settings: &LdapSettings, purpose: Purpose) -> Result<Self, String> {
        Ok(Self {
            urls: settings.servers.clone(),
            preferred: AtomicUsize::new(0),
            tls: settings.tls,
            client: trust_of(settings)?,
            bind: settings.bind.clone().filter(|_| purpose == Purpose::Search),
            base: settings.base.clone(),
        })
    }

    async fn dial(&self, url: &str) -> Result<Link, String> {
        let settings = LdapConnSettings::new()
            .set_config(Arc::clone(&self.client))
            .set_starttls(self.tls == LdapTls::StartTls);
        let (connection, ldap) =
            LdapConnAsync::with_settings(settings, url).await.map_err(|cause| cause.to_string())?;
        let driver = Driver::start(async move { drop(connection.drive().await) });
        let mut link = Link { ldap, _driver: driver };
        if let Some((dn, password)) = &self.bind {
            let password = std::str::from_utf8(password.expose()).map_err(|cause| cause.to_string())?;
            let bound = link.ldap.simple_bind(dn, password).await.map_err(|cause| cause.to_string())?;
            if bound.rc != code::SUCCESS {
                return Err(format!("it refuses the bind as {dn}: {}", told(&bound)));
            }
        }
        Ok(link)
    }
}

/// Settings are needed by no one who encrypts nothing, and the system may trust nobody.
fn trust_of(settings: &LdapSettings) -> Result<Arc<ClientConfig>, String> {
    let encrypts = settings.tls == LdapTls::StartTls
        || settings.servers.iter().any(|url| url.to_ascii_lowercase().starts_with("ldaps:"));
    match (&settings.trust, encrypts) {
        (Some(path), _) => trust::client(Some(path)),
        (None, true) => trust::client(None),
        (None, false) => trust::client_without_trust(),
    }
}

impl Connect for Servers {
    type Link = Link;
    type Question = Question;
    type Found = Found;

    /// The server that worked last, or else the next ones, each for a time.
    async fn connect(&self) -> Result<Link, String> {
        let mut causes = Vec::new();
        for _ in &self.urls {
            let current = self.preferred.load(Ordering::Relaxed);
            let Some(url) = self.urls.get(current % self.urls.len().max(1)) else { break };
            let next = || {
                // Whoever is given up while it waits leaves the next one to the next question.
                let _ = self.preferred.compare_exchange(
                    current,
                    current.wrapping_add(1),
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
            };
            match timeout(SOURCE_CONNECT_WAIT, self.dial(url)).await {
                Ok(Ok(link)) => return Ok(link),
                Ok(Err(cause)) => causes.push(format!("{url}: {cause}")),
                Err(_) => {
                    causes.push(format!("{url}: no connection within {} s", SOURCE_CONNECT_WAIT.as_secs()));
                }
            }
            next();
        }
        Err(causes.join("; "))
    }

    async fn ask(&self, link: &mut Link, question: &Question) -> Result<Found, Failed> {
        let ldap = &mut link.ldap;
        match question {
            Question::Find { filter, attributes } => {
                ldap.with_search_options(SearchOptions::new().sizelimit(ENTRIES_MOST));
                let found = ldap.search(&self.base, Scope::Subtree, filter, attributes).await;
                let ldap3::SearchResult(entries, result) = found.map_err(failed)?;
                match result.rc {
                    code::SUCCESS | code::SIZE_LIMIT_EXCEEDED => {
                        Ok(Found::Entries(entries.into_iter().map(SearchEntry::construct).collect()))
                    }
                    _ => Err(unanswered(&result)),
                }
            }
            Question::Bind { dn, password } => {
                let bound = ldap.simple_bind(dn, text(password)?).await.map_err(failed)?;
                verdict(&bound)
            }
            Question::Compare { dn, password } => {
                let compared = ldap.compare(dn, "userPassword", password.expose()).await.map_err(failed)?;
                verdict(&compared.0)
            }
        }
    }
}

/// Passwords are UTF-8 (RFC 4513 section 5.1.3), and an empty one would prove nothing: neither comes here.
fn text(password: &Secret) -> Result<&str, Failed> {
    let text = std::str::from_utf8(password.expose()).map_err(Failed::refused)?;
    if text.is_empty() { Err(Failed::refused("an empty password is never bound")) } else { Ok(text) }
}

fn verdict(result: &LdapResult) -> Result<Found, Failed> {
    match result.rc {
        code::SUCCESS | code::COMPARE_TRUE => Ok(Found::Verdict(PasswordCheck::Right)),
        // No password, a wrong one, or too many wrong ones lately.
        code::INVALID_CREDENTIALS
        | code::INAPPROPRIATE_AUTHENTICATION
        | code::CONSTRAINT_VIOLATION
        | code::NO_SUCH_OBJECT
        | code::NO_SUCH_ATTRIBUTE
        | code::COMPARE_FALSE => Ok(Found::Verdict(PasswordCheck::Wrong)),
        _ => Err(unanswered(result)),
    }
}

/// A server that is busy, wants something first, or points elsewhere has not said no. It may be going down, so the
/// connection is not kept.
fn unanswered(result: &LdapResult) -> Failed {
    Failed::broken(told(result))
}

fn told(result: &LdapResult) -> String {
    format!("result {} {}", result.rc, result.text)
}

fn failed(cause: LdapError) -> Failed {
    match cause {
        LdapError::FilterParsing => Failed::refused("the filter cannot be understood"),
        _ => Failed::broken(cause),
    }
}

impl fmt::Display for Servers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.urls.join(", "))
    }
}
