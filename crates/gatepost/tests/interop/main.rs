//! gatepost as the world meets it: the real program on loopback ports, real clients, strangers, and noise.

// Tells the lints that helpers beside the tests may panic like the tests themselves.
#![cfg(test)]

#[expect(dead_code, reason = "the rig serves other test programs too")]
#[path = "../rig/rig.rs"]
mod rig;

mod clients;
mod directories;
mod external;
mod fail2ban;
mod guard;
mod helper;
mod issuer;
mod killed;
mod logins;
mod noise;
mod pam;
mod relay;
mod replay;
mod resumption;
mod senders;
mod signals;
mod sources;
mod telnet;
