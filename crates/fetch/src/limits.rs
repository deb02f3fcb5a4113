//! Every limit of this crate, with its unit and the reason for its size.

use std::time::Duration;

/// Octets of an answer's body. A set of a hundred 4096-bit keys has 80 KiB.
pub const BODY_OCTETS_MOST: usize = 256 * 1024;

/// Octets of an answer's header section.
pub const HEAD_OCTETS_MOST: usize = 32 * 1024;

/// Header fields of an answer.
pub const HEADER_FIELDS_MOST: usize = 100;

/// Octets of a URL.
pub const URL_OCTETS_MOST: usize = 2 * 1024;

/// How long a connection may take, TLS included, unless the settings say otherwise.
pub const CONNECT: Duration = Duration::from_secs(5);

/// How long the whole request may take, unless the settings say otherwise: a client waits for it in its login.
pub const WHOLE: Duration = Duration::from_secs(15);

/// Addresses of one host that are tried.
pub const ADDRESSES_MOST: usize = 4;
