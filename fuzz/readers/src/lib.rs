//! A fuzz target for each reader of foreign octets.
//!
//! A target takes any octets, feeds them to a reader, and asserts what holds whatever comes: no panic, what was
//! written is read back, pieces of any size give the same result, buffers stay bounded. `fuzz_targets` runs them
//! under libFuzzer; the tests of this package run each for two seconds, from seeds that are spoilt a little.
//!
//! An input that says more than what the reader gets begins with eight octets of choices: four pick settings, four
//! seed the chance. In seeds they are written `00000000`.
//!
//! What it does not do: sockets, files, clocks. Those are met in the tests of the server itself.

mod choices;
mod fixed;
mod logins;

mod address;
mod config;
mod downgrade;
mod header;
mod notice;
mod parcel;
mod reply;
mod sasl_client;
mod sasl_server;
mod smtp_client;
mod smtp_server;
mod trace;
mod verifier;
mod xtext;

pub use address::address;
pub use choices::Chance;
pub use config::config;
pub use downgrade::downgrade;
pub use header::header;
pub use notice::notice;
pub use parcel::parcel;
pub use reply::reply;
pub use sasl_client::sasl_client;
pub use sasl_server::sasl_server;
pub use smtp_client::smtp_client;
pub use smtp_server::smtp_server;
pub use trace::trace;
pub use verifier::verifier;
pub use xtext::xtext;

/// A target and its name, which is also that of its seeds and of its program under libFuzzer.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name.
    pub name: &'static str,
    /// Feeds these octets to the reader. Panics if a property does not hold.
    pub run: fn(&[u8]),
}

/// All targets, by name.
pub const TARGETS: &[Target] = &[
    Target { name: "address", run: address },
    Target { name: "config", run: config },
    Target { name: "downgrade", run: downgrade },
    Target { name: "header", run: header },
    Target { name: "notice", run: notice },
    Target { name: "parcel", run: parcel },
    Target { name: "reply", run: reply },
    Target { name: "sasl_client", run: sasl_client },
    Target { name: "sasl_server", run: sasl_server },
    Target { name: "smtp_client", run: smtp_client },
    Target { name: "smtp_server", run: smtp_server },
    Target { name: "trace", run: trace },
    Target { name: "verifier", run: verifier },
    Target { name: "xtext", run: xtext },
];
