//! Why there is no answer.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// A fetcher that cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetcherError {
    /// The file of certificates to trust cannot be read, or holds none.
    #[error("{path}: {cause}", path = path.display())]
    Trust {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The TLS library refuses its own defaults: we have a bug.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// A request that got no answer. Shows address and cause, and nothing that was sent or received.
#[derive(Debug, thiserror::Error)]
#[error("{url}: {cause}")]
pub struct FetchError {
    /// The address that was asked, without its query.
    pub url: String,
    /// What is wrong.
    #[source]
    pub cause: FetchFault,
}

/// What is wrong with a request or its answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchFault {
    /// The host has no address, or its name cannot be asked for now.
    #[error("the host's address cannot be found: {0}")]
    Resolve(#[source] io::Error),
    /// The name of loopback leads to another machine, where nothing may go in the clear.
    #[error("http:// is for this machine only, and the name leads to another one")]
    Clear,
    /// Nobody answers at any of the host's addresses.
    #[error("no connection: {0}")]
    Connect(#[source] io::Error),
    /// No TLS, or not with whom it should be.
    #[error("no TLS: {0}")]
    Tls(#[source] io::Error),
    /// No answer in time.
    #[error("no whole answer within {0:?}")]
    TimedOut(Duration),
    /// The request cannot be made: a header field holds what none can.
    #[error("the request cannot be made: {0}")]
    Request(#[source] hyper::http::Error),
    /// The connection broke, or what came is no HTTP.
    #[error("no HTTP answer: {0}")]
    Http(#[source] hyper::Error),
    /// The answer sends us elsewhere.
    #[error("a redirect (status {status}) is not followed; configure the address that it leads to")]
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
    },
    /// The answer is longer than is read.
    #[error("the answer has more than {0} octets")]
    TooLong(usize),
}
