//! HTTPS requests to others, with an end to everything: token issuers, and their keys.
//!
//! A [`Fetcher`] makes one request on one connection and gives the whole [`Response`], or says why there is none. Every answer
//! with a status is a response, a refusal too; only the caller knows what it means.
//!
//! What this crate does *not* do: it follows no redirect (an answer from somewhere else is not from whom we asked, and a secret
//! must not travel there), keeps no cookie, no connection and no answer, asks no proxy, and retries nothing.
//!
//! # What never happens
//!
//! * A request in the clear to another machine: `http://` is for loopback only, and the address is looked at again after its name
//!   was resolved.
//! * An answer of unbounded length or time: see [`limits`].
//! * A query, a form field, a header field or a body in an error or in `Debug`.
//!
//! # Example
//!
//! ```
//! use gatepost_fetch::{Fetcher, Patience, Url};
//!
//! let fetcher = Fetcher::new(None, Patience::default())?;
//! let keys = Url::parse("https://login.example.org/jwks")?;
//! # async fn fetch(fetcher: Fetcher, keys: Url) -> Result<(), gatepost_fetch::FetchError> {
//! let response = fetcher.get(&keys, &[("accept", "application/json")]).await?;
//! assert_eq!(response.status(), 200);
//! # Ok(())
//! # }
//! assert!(Url::parse("http://login.example.org/jwks").is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod limits;

mod error;
mod fetcher;
mod form;
mod response;
mod url;

pub use error::{FetchError, FetchFault, FetcherError};
pub use fetcher::{Fetcher, Header, Patience};
pub use form::percent_encoded;
pub use response::Response;
pub use url::{Url, UrlError};
