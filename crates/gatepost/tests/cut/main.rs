//! The connection is cut at every octet around the final dot and its reply, on both sides: what gatepost, Postfix and Exim
//! make of it, lost or twice.

// `cfg(test)` tells the lints that helpers beside the tests may panic like the tests themselves.
#[cfg(test)]
#[expect(dead_code, reason = "the rig serves other test programs too")]
#[path = "../rig/rig.rs"]
mod rig;

#[cfg(test)]
mod count;
#[cfg(test)]
mod cutter;
#[cfg(test)]
mod letter;
#[cfg(test)]
mod receiving;
#[cfg(test)]
mod sending;
