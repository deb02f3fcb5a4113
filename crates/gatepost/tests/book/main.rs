//! What the documentation says is what happens: its examples are run.

// Tells the lints that helpers beside the tests may panic like the tests themselves.
#![cfg(test)]

#[expect(dead_code, reason = "the rig serves other test programs too")]
#[path = "../rig/rig.rs"]
mod rig;

mod blocks;
mod clients;
