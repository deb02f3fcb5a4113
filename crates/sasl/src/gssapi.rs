//! GSSAPI (RFC 4752): Kerberos 5 tokens to and fro, then a word about security layers, of which we have none.
//!
//! Only the order of things is here. The tokens are made and read by a Kerberos library behind
//! [`GssQuestion`](crate::GssQuestion), which keeps its context for one exchange: what it is asked
//! and what it said decide, and nothing is believed that it did not check.

mod client;
mod server;

pub(crate) use client::Client;
pub(crate) use server::Server;

/// "No security layer", as bit of an offer and as choice (RFC 4752 section 3.3).
const NO_LAYER: u8 = 1;

/// Octets of an offer or a choice: the layers, and the largest message, which without a layer is 0 (RFC 4752 section 3.1).
const LAYER_OCTETS: usize = 4;

/// An offer of no layer but "none", and the choice of it.
const WITHOUT_LAYER: [u8; LAYER_OCTETS] = [NO_LAYER, 0, 0, 0];
