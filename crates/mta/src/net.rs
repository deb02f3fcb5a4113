//! The outside: DNS, TLS, connections.

mod cork;
mod names;
pub mod resolve;
mod shown;
pub(crate) mod sockets;
pub mod stream;
pub mod tls;
pub mod verify;
