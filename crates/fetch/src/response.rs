//! An answer.

use std::fmt;
use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{CACHE_CONTROL, RETRY_AFTER};
use zeroize::Zeroizing;

/// What came back. The body wipes itself, since it may be a token, and is not in `Debug`.
pub struct Response {
    status: u16,
    max_age: Option<Duration>,
    retry_after: Option<Duration>,
    body: Zeroizing<Vec<u8>>,
}

impl Response {
    pub(crate) fn new(status: u16, headers: &HeaderMap, body: Zeroizing<Vec<u8>>) -> Self {
        Self { status, max_age: max_age(headers), retry_after: retry_after(headers), body }
    }

    /// The status code (RFC 9110 section 15).
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is of class 2.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// How long the answer may be used again, where it says so (RFC 9111 section 5.2.2); no time for `no-store` and `no-cache`.
    #[must_use]
    pub fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// When to come back, where the answer says so in seconds (RFC 9110 section 10.2.3).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The body, at most [`BODY_OCTETS_MOST`](crate::limits::BODY_OCTETS_MOST).
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Response")
            .field("status", &self.status)
            .field("body_octets", &self.body.len())
            .finish_non_exhaustive()
    }
}

fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives: Vec<String> = values
        .flat_map(|value| value.split(','))
        .map(|directive| directive.trim().to_ascii_lowercase())
        .collect();
    if directives.iter().any(|directive| directive == "no-store" || directive == "no-cache") {
        return Some(Duration::ZERO);
    }
    let seconds = directives.iter().find_map(|directive| directive.strip_prefix("max-age="))?;
    seconds.trim_matches('"').parse().ok().map(Duration::from_secs)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
