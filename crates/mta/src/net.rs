//! The outside: DNS, TLS, connections.

pub mod dial;
mod names;
pub mod resolve;
mod shown;
pub mod stream;
pub mod tls;
pub mod verify;
